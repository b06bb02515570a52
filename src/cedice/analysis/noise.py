"""Where the noise of a difference comes from, and how many trainings or units it would take to see one.

D[s, p, e] is CE + DL minus CE of seed s, unit p (a patient, or a slice where patients are unknown) and epoch e of the last K
(`window`), after each of which the training might as well have ended:

    D = μ + T_s + P_p + TP_sp + E_se + R_spe       seeds and units crossed, epochs nested in trainings, all of them random

Of the S × P × K table the mean squares give the variances by the method of moments (MS_e and MS_sp as MS_r where they are
less: what comes out negative is taken as 0):

    rest      R: MS_r,  TP: (MS_sp − MS_r) / K         unit     (MS_p − MS_sp) / (K·S)
    epoch     (MS_e − MS_r) / P                        training (MS_s − MS_e − MS_sp + MS_r) / (K·P)

A verdict reads one epoch of each of S trainings on P units, so that with `rest` = R + TP

    se² = training / S + epoch / S + unit / P + rest / (S·P)

Neighbouring epochs are alike, those of an averaged network very much so: `epoch` is then too small and `training` too large by
as much, and their sum holds. With K = 1 both are one number, `training`, and `epoch` is NaN.
"""

import math
from dataclasses import astuple, dataclass, fields

import numpy as np
import pandas as pd

from cedice.analysis.anova import sums
from cedice.analysis.pairs import minus
from cedice.analysis.statistics import LEVEL, detectable, standard_error
from cedice.analysis.verdict import PRIMARY, STATEMENTS
from cedice.evaluation.counts import regions
from cedice.evaluation.runs import Runs, seeds
from cedice.metrics import LAST_EPOCHS, METRICS
from cedice.paper import PAIR

SIZES = (0.003, 0.005, 0.0123)  # differences to be seen; the last is the paper's in Dice on ACDC
_MOST = 10**6  # trainings or units: more are as good as none
Readings = dict[tuple[str, str, int], pd.DataFrame]  # `readings` by (data set, loss, seed)


@dataclass(frozen=True)
class Components:
    """Variances of the paired differences."""

    epoch: float
    training: float
    unit: float
    rest: float


def window(epochs: int) -> int:
    """How many of the last of so many epochs: a tenth, two at least, at most those of which counts are kept. More would take
    what a short training still learns for noise."""
    return min(max(epochs // 10, 2), LAST_EPOCHS)


def components(*folds: np.ndarray) -> Components:
    """Each fold (seeds, units, epochs), all of as many seeds, two or more, and epochs; one where there are no folds. At least
    two units in one of them. The module's equations."""
    seeds_, _, epochs = folds[0].shape
    units = float(np.mean([fold.shape[1] for fold in folds]))
    squares, freedoms = (sum(values) for values in zip(*map(sums, folds), strict=True))
    of_seeds, of_units, of_both, of_epochs, of_rest = squares / np.maximum(freedoms, 1)
    if epochs == 1:
        parts = math.nan, (of_seeds - of_both) / units, (of_units - of_both) / seeds_, of_both
    else:
        of_epochs, of_both = max(of_epochs, of_rest), max(of_both, of_rest)
        parts = (
            (of_epochs - of_rest) / units,
            (of_seeds - of_epochs - of_both + of_rest) / (epochs * units),
            (of_units - of_both) / (epochs * seeds_),
            of_rest + (of_both - of_rest) / epochs,
        )
    return Components(*(float(np.maximum(part, 0)) for part in parts))


def contributions(parts: Components, seeds: float, units: float, folds: int = 1) -> Components:
    """What each adds to se² of ``seeds`` trainings a loss on ``units`` units, of all ``folds`` together."""
    return Components(parts.epoch / seeds, parts.training / seeds, parts.unit / units, parts.rest * folds / (seeds * units))


def design(parts: Components, seeds: float, units: float, folds: int = 1) -> tuple[float, float]:
    """(se, df) that the test of `statistics`, or with folds that of `nested`, is to be expected to have."""
    if folds > 1:
        return math.sqrt(np.nansum(astuple(contributions(parts, seeds, units, folds)))), float(folds - 1)
    of_trainings = float(np.nansum([parts.epoch, parts.training]))
    squares = np.array([units * of_trainings + parts.rest, seeds * parts.unit + parts.rest, parts.rest])
    return standard_error(squares, seeds, units)


def needed(parts: Components, size: float, level: float, seeds: int = 0, units: int = 0, folds: int = 1) -> float:
    """How many trainings a loss at ``units`` units, or units at ``seeds`` trainings, find a true difference of ``size`` at
    ``level`` with 80 % power; ∞ where no number is enough, for what the others leave is too much. Give one of the two."""

    def found(number: float) -> bool:
        return detectable(*design(parts, seeds or number, units or number, folds), level) <= size

    if not found(_MOST):
        return math.inf
    few, many = 1, 2
    while not found(many):
        few, many = many, 2 * many
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if found(middle) else (middle, many)
    return float(many)


def readings(counts: pd.DataFrame) -> pd.DataFrame:
    """`regions` (dice, iou, pixel_error) of every network, epoch of the `window` and unit, from the counts of a training's last
    epochs (`cedice.training.epochs`)."""
    last = counts["epoch"].max()
    return regions(counts[counts["epoch"] > last - window(last)], "readout", "epoch", "patient")


def paired(tables: Readings, dataset: str, readout: str, measure: str, folds: int) -> list[np.ndarray]:
    """(seeds, units, epochs) differences CE + DL minus CE of each fold that is trained, without units that have no value
    somewhere; training number k validates fold k modulo ``folds``."""
    values = {
        key[1:]: table.loc[readout][measure].unstack("epoch", sort=False) for key, table in tables.items() if key[0] == dataset
    }
    numbers, found = list(dict.fromkeys(seed for _, seed in values)), []
    for trained in filter(None, ([seed for seed in numbers if seed % folds == fold] for fold in range(folds))):
        differences = minus(values, trained)
        found.append(differences[:, np.isfinite(differences).all(axis=(0, 2))])
    return found


def budget(tables: Readings, readouts: tuple[str, ...], units: dict[str, str], folds: dict[str, int]) -> pd.DataFrame:
    """One row per data set, measure and network: dataset, measure, readout, unit, folds, epochs, seeds, units; sd_epoch,
    sd_training, sd_unit, sd_rest (of the components) and share_… (of se²); error, detectable; seeds_for_… and units_for_… each
    of `SIZES`.

    The level is that of the first step of Holm's correction in the verdict. NaN throughout for one seed, or one a fold, for
    unequally many a fold, and for fewer than two units. By data set, ``units``: "patient" or "slice"; ``folds``: 1 without.
    """
    datasets = list(dict.fromkeys(dataset for dataset, _, _ in tables))
    rows = []
    for dataset in datasets:
        for measure in METRICS:
            level = LEVEL / (len(datasets) * (1 if measure == PRIMARY else len(STATEMENTS) - 1))
            for readout in readouts:
                differences = paired(tables, dataset, readout, measure, folds[dataset])
                keys = {"dataset": dataset, "measure": measure, "readout": readout, "unit": units[dataset]}
                rows.append(keys | {"folds": folds[dataset]} | _row(differences, folds[dataset], level))
    return pd.DataFrame(rows)


def _row(differences: list[np.ndarray], folds: int, level: float) -> dict[str, float]:
    repeats, units = [len(fold) for fold in differences], sum(fold.shape[1] for fold in differences)
    row: dict[str, float] = {"epochs": differences[0].shape[2], "seeds": sum(repeats), "units": units}
    names = [field.name for field in fields(Components)]
    if min(repeats) < 2 or len(set(repeats)) > 1 or len(repeats) < folds or units < folds + 1:
        columns = [f"{kind}_{name}" for kind in ("sd", "share") for name in names]
        columns += ["error", "detectable", *(f"{kind}_for_{size}" for kind in ("seeds", "units") for size in SIZES)]
        return row | dict.fromkeys(columns, math.nan)
    parts = components(*differences)
    error, freedom = design(parts, sum(repeats), units, folds)
    adds = contributions(parts, sum(repeats), units, folds)
    row |= {f"sd_{name}": math.sqrt(getattr(parts, name)) for name in names}
    row |= {f"share_{name}": getattr(adds, name) / error**2 if error else math.nan for name in names}
    row |= {"error": error, "detectable": detectable(error, freedom, level)}
    row |= {f"seeds_for_{size}": needed(parts, size, level, units=units, folds=folds) for size in SIZES}
    return row | {f"units_for_{size}": needed(parts, size, level, seeds=sum(repeats), folds=folds) for size in SIZES}


def next_hour(table: pd.DataFrame, hours: dict[str, float]) -> pd.DataFrame:
    """What an hour of more trainings would bring, of a `budget` of one network, in `PRIMARY`: one row per data set with several
    seeds: dataset, unit, folds, of_units (share of se² that no training takes away), pairs (an hour has), detectable, after
    (what is detectable then), limit (with any number of trainings).

    ``hours``: by data set, of one training of each loss.
    """
    rows = []
    chosen = table[(table["measure"] == PRIMARY) & table["error"].notna()]
    for row in chosen.to_dict("records"):
        parts = Components(*(row[f"sd_{field.name}"] ** 2 for field in fields(Components)))
        level, pairs = LEVEL / table["dataset"].nunique(), 1 / hours[row["dataset"]]
        after = detectable(*design(parts, row["seeds"] + pairs, row["units"], row["folds"]), level)
        limit = detectable(*design(parts, _MOST, row["units"], row["folds"]), level)
        keys = {"dataset": row["dataset"], "unit": row["unit"], "folds": row["folds"], "of_units": row["share_unit"]}
        rows.append(keys | {"pairs": pairs, "detectable": row["detectable"], "after": after, "limit": limit})
    return pd.DataFrame(rows)


def schedules(runs: dict[str, Runs]) -> pd.DataFrame:
    """One row per data set, schedule of the learning rate and network: dataset, schedule, readout, seeds; of each loss
    the mean of foreground Dice over the `window` (over the seeds) and its standard deviation from epoch to epoch (root mean
    square over the seeds), <loss>_mean and <loss>_std."""
    rows = []
    for dataset in dict.fromkeys(dataset for dataset, _, _ in runs["last"]):
        for readout, by in runs.items():
            numbers = seeds(by, dataset)
            schedule = by[dataset, PAIR[0], numbers[0]].record["settings"].get("schedule", "constant")
            row: dict[str, object] = {"dataset": dataset, "schedule": schedule, "readout": readout, "seeds": len(numbers)}
            for loss in PAIR:
                trained = [by[dataset, loss, seed] for seed in numbers]
                tails = [run.history["dice_foreground"].tail(window(run.epochs)) for run in trained]
                row[f"{loss}_mean"] = np.mean([tail.mean() for tail in tails])
                row[f"{loss}_std"] = np.sqrt(np.mean([tail.var(ddof=1) for tail in tails]))
            rows.append(row)
    return pd.DataFrame(rows)
