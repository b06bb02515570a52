"""Where the losses differ: at borders, by class, on targets by size, and along the heart from base to apex. One table each,
every number with its spread.

Input are the tables of `boundaries`, `targets` and `evaluate` in `cedice.evaluation`, by data set, loss and seed.
"""

import math
from itertools import pairwise

import numpy as np
import pandas as pd

from cedice.analysis.pairs import BASE, OTHER
from cedice.errors import CediceError
from cedice.evaluation.boundaries import TOLERANCES
from cedice.evaluation.counts import structures
from cedice.metrics import dice
from cedice.paper import PAIR

Tables = dict[tuple[str, str, int], pd.DataFrame]  # by (data set, loss, seed)
SIZES = (1, 25, 100, 400, 1600)  # pixels of the 256×256 slice; each bin reaches to the next
LEVELS = ("basal", "middle", "apical")
_KEYS = {"counts": ["slice", "class"], "surfaces": ["slice", "class"], "targets": ["slice", "class", "target"]}


def borders(surfaces: Tables, counts: Tables) -> pd.DataFrame:
    """One row per data set, class and measure: dataset, class, unit, n, measure, then mean and std over the seeds of each
    loss and of their paired difference.

    Surface Dice is the mean over the n slices that truly have the class, the same in every training, 0 where it is not marked;
    `missed` is the share of these; HD95 and ASSD are of the others (n is then a mean over the trainings). `false_marks` is the
    share of the n slices without the class on which it is marked; no row where every slice has it.
    """
    _same_places(surfaces, "surfaces")
    places = {key: table.merge(structures(counts[key]), on=["slice", "class"]) for key, table in surfaces.items()}
    rows = []
    for (dataset, label), group in _stacked(places).groupby(["dataset", "class"], sort=False):
        there = group[group["there"]].assign(missed=lambda slices: ~slices["marked"])
        lacking = group[~group["there"]].rename(columns={"marked": "false_marks"})
        surface = [f"surface_dice_{tolerance}" for tolerance in TOLERANCES]
        both = there[there["marked"]]
        for part, measures in ((there, [*surface, "missed"]), (both, ["hd95", "assd"]), (lacking, ["false_marks"])):
            by_training = part.groupby(["loss", "seed"])
            for measure in measures if len(part) else ():
                unit = "share" if measure in ("missed", "false_marks") else group["unit"].iloc[0]
                keys = {"dataset": dataset, "class": label, "unit": unit, "n": round(by_training.size().mean())}
                rows.append(keys | {"measure": measure} | _compared(by_training[measure].mean()))
    return pd.DataFrame(rows)


def by_size(targets: Tables) -> pd.DataFrame:
    """One row per data set, size of target and measure (dice, recall, missed): dataset, pixels, n, measure, then as in
    `borders`. A bin without targets has no row."""
    _same_places(targets, "targets")
    table = _stacked(targets)
    table["dice"] = dice(table["hits"], table["predicted"] - table["hits"], table["pixels"] - table["hits"])
    table["recall"] = table["hits"] / table["pixels"]
    table["missed"] = (table["hits"] == 0).astype(float)
    rows = []
    for dataset, group in table.groupby("dataset", sort=False):
        for low, high in pairwise([*SIZES, math.inf]):
            chosen = group[group["pixels"].between(low, high, inclusive="left")]
            if chosen.empty:
                continue
            size = f"{low} and more" if high == math.inf else f"{low}–{high - 1}"
            means = chosen.groupby(["loss", "seed"])[["dice", "recall", "missed"]].mean()
            keys = {"dataset": dataset, "pixels": size, "n": len(chosen) // len(means)}  # the same targets in every training
            rows += [keys | {"measure": measure} | _compared(means[measure]) for measure in means]
    return pd.DataFrame(rows)


def by_level(counts: Tables) -> pd.DataFrame:
    """One row per data set, level and foreground class: dataset, level, class, n (slices), measure "dice" (counts pooled over
    the level's slices), then as in `borders`. Data sets whose volumes have fewer than three slices have no rows.

    The slices of a volume in which any foreground truly is are cut into three equal parts; the basal end is the one whose part
    has more true foreground, for a heart narrows towards its apex.
    """
    _same_places(counts, "counts")
    rows = []
    for dataset in dict.fromkeys(dataset for dataset, _, _ in counts):
        tables = {key[1:]: table for key, table in counts.items() if key[0] == dataset}
        levels = _levels(next(iter(tables.values())))
        if levels.empty:
            continue
        parts = [table.assign(loss=loss, seed=seed, level=table["slice"].map(levels)) for (loss, seed), table in tables.items()]
        sums = pd.concat(parts).groupby(["level", "class", "loss", "seed"])[["tp", "fp", "fn"]].sum()
        scores = pd.Series(dice(sums["tp"], sums["fp"], sums["fn"]), sums.index)
        for level in LEVELS:
            for label in sorted(set(sums.index.get_level_values("class")) - {0}):
                keys = {"dataset": dataset, "level": level, "class": label, "n": int((levels == level).sum())}
                rows.append(keys | {"measure": "dice"} | _compared(scores.loc[level, label]))
    return pd.DataFrame(rows)


def _levels(counts: pd.DataFrame) -> pd.Series:
    """{slice: level} of the slices with foreground in volumes that have three of them or more."""
    foreground = counts[counts["class"] > 0]
    true = (foreground["tp"] + foreground["fn"]).groupby([foreground["volume"], foreground["slice"]], sort=False).sum()
    levels: dict[str, str] = {}
    for _, sizes in true[true > 0].groupby("volume", sort=False):
        number = len(sizes)
        if number < len(LEVELS):
            continue
        thirds = np.arange(number) * len(LEVELS) // number
        means = [sizes.to_numpy()[thirds == third].mean() for third in (0, len(LEVELS) - 1)]
        names = LEVELS if means[0] >= means[1] else LEVELS[::-1]
        levels |= dict(zip(sizes.index.get_level_values("slice"), (names[third] for third in thirds), strict=True))
    return pd.Series(levels, dtype=object)


def _stacked(tables: Tables) -> pd.DataFrame:
    parts = [table.assign(dataset=dataset, loss=loss, seed=seed) for (dataset, loss, seed), table in tables.items()]
    return pd.concat([part for part in parts if len(part)], ignore_index=True)


def _compared(means: pd.Series) -> dict[str, float]:
    """Mean and std over the seeds of each loss, and of what the second has more than the first, seed by seed."""
    by_loss = {loss: means.loc[loss] for loss in PAIR}
    columns = by_loss | {"difference": by_loss[OTHER] - by_loss[BASE]}
    values: dict[str, float] = {}
    for name, column in columns.items():
        values |= {f"{name}_mean": round(column.mean(), 6), f"{name}_std": round(column.std(ddof=1), 6)}
    return values


def _same_places(tables: Tables, kind: str) -> None:
    """CediceError unless all trainings of a data set were measured at the same places: a mean over others is no comparison."""
    for dataset in dict.fromkeys(dataset for dataset, _, _ in tables):
        places = {key: table[_KEYS[kind]] for key, table in tables.items() if key[0] == dataset}
        (first, expected), *others = places.items()
        for other, found in others:
            if not found.equals(expected):
                raise CediceError(
                    f"{kind} of {' '.join(map(str, other))} and of {' '.join(map(str, first))} are of different slices; run "
                    "the evaluate and measure stages again"
                )
