"""The verdict on the paper's claim: for each of its statements and each data set, confirmed, not confirmed or contradicted.

The paper states that the Dice term raises Dice and IoU and lowers pixel error, most of all at borders and on small targets.
Every statement is a difference CE + DL less CE in one measure, taken patient by patient (slice by slice where patients are
unknown) and seed by seed:
  dice, iou       foreground: counts pooled over a patient's slices, then the mean over the foreground classes
  pixel_error     wrong pixels / all pixels of a patient's slices
  border          surface Dice at 2 pixels (mm where known), mean over a patient's slices and classes
  small targets   Dice of targets below 400 pixels, mean over a patient's targets; patients without any are left out.
A statement is confirmed, or contradicted, where both tests of `cedice.statistics` say so, over other patients and trainings and
over other patients with these trainings: each p, corrected by Holm over all statements and data sets, lies below 0.05. Else it
is not confirmed, as whatever rests on one training; what the second test alone says is told. Where fewer than two patients have
a measure, it is not measured.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cedice.conventions import same_slices
from cedice.errors import CediceError
from cedice.metrics import dice, iou, pixel_error
from cedice.paper import TABLE_1, titles
from cedice.params import ARMS
from cedice.statistics import LEVEL, Paired, holm, paired

CLAIM_TOLERANCE = 1e-5  # of differences in Dice and the like: beyond rounding, a number was changed
SMALL = 400  # pixels of the 256×256 slice
STATEMENTS = {  # measure → (what the paper says the Dice term does, +1 where more is better)
    "dice": ("raises Dice", 1),
    "iou": ("raises IoU", 1),
    "pixel_error": ("lowers pixel error", -1),
    "border": ("is better at borders", 1),
    "small_targets": ("is better on small targets", 1),
}


@dataclass(frozen=True)
class Measured:
    """The three tables of a training: counts, border distances, targets."""

    counts: pd.DataFrame
    surfaces: pd.DataFrame
    targets: pd.DataFrame


Study = dict[tuple[str, str, int], Measured]  # by (data set, arm, seed)


def patients(measured: Measured) -> pd.DataFrame:
    """One row per patient, the columns of `STATEMENTS`; NaN where a patient has no such value."""
    found = regions(measured.counts)
    found["border"] = measured.surfaces.groupby("patient")["surface_dice_2"].mean()
    small = measured.targets[measured.targets["pixels"] < SMALL]
    scores = 2 * small["hits"] / (small["pixels"] + small["predicted"])
    found["small_targets"] = scores.groupby(small["patient"]).mean()
    return found


def regions(counts: pd.DataFrame) -> pd.DataFrame:
    """The three columns of `patients` that follow from the counts: foreground dice and iou, and pixel_error."""
    counts = counts.groupby(["patient", "class"], sort=False)[["tp", "fp", "fn"]].sum()
    classes = counts.index.get_level_values("class").max() + 1
    sums = [counts[name].to_numpy().reshape(-1, classes) for name in counts]
    foreground = [column[:, 1:] for column in sums]
    found = pd.DataFrame(index=pd.Index(counts.index.unique("patient"), name="patient"))
    found["dice"] = pd.DataFrame(dice(*foreground), found.index).mean(axis=1)
    found["iou"] = pd.DataFrame(iou(*foreground), found.index).mean(axis=1)
    found["pixel_error"] = pixel_error(*sums)
    return found


def judge(study: Study) -> pd.DataFrame:
    """One row per data set and statement: dataset, measure, statement, unit, paper (its difference, where it has one), the
    fields of `Paired` with p corrected, and the verdict.

    CediceError for one patient only, and where trainings were counted on different slices.
    """
    rows = []
    for dataset in dict.fromkeys(dataset for dataset, _, _ in study):
        same_slices({(arm, seed): one.counts for (name, arm, seed), one in study.items() if name == dataset}, dataset)
        tables = {(arm, seed): patients(one) for (name, arm, seed), one in study.items() if name == dataset}
        seeds = list(dict.fromkeys(seed for _, seed in tables))
        first = study[dataset, ARMS[0], seeds[0]].counts
        unit = "patient" if first["patient"].nunique() < first["slice"].nunique() else "slice"
        if first["patient"].nunique() < 2:
            raise CediceError(f"{dataset}: one {unit} in the validation set; a verdict needs at least two")
        for measure, (statement, _) in STATEMENTS.items():
            both = [np.stack([tables[arm, seed][measure] for seed in seeds]) for arm in ARMS]
            differences = both[1] - both[0]
            there = np.isfinite(differences).all(axis=0)
            found = paired(differences[:, there]) if there.sum() > 1 else _unmeasured(int(there.sum()), len(seeds))
            paper = TABLE_1.get(dataset, {"ce": {}})
            printed = paper["ce_dl"][measure] - paper["ce"][measure] if measure in paper["ce"] else None
            keys = {"dataset": dataset, "measure": measure, "statement": statement}
            rows.append(keys | {"unit": unit, "paper": printed} | found.__dict__)
    table = pd.DataFrame(rows)
    for column in ("p", "p_units"):
        measured = table[column].notna()
        table.loc[measured, column] = holm(table[column][measured].to_list())
    table["verdict"] = [_verdict(row) for row in table.itertuples()]
    return table


def _unmeasured(units: int, seeds: int) -> Paired:
    none = math.nan
    return Paired(none, none, none, none, none, none, none, none, units, seeds, 0)


def _verdict(row: Any) -> str:
    better = STATEMENTS[row.measure][1]
    if math.isnan(row.p_units):
        return "not measured"
    if row.p < LEVEL and row.p_units < LEVEL:
        return "confirmed" if row.mean * better > 0 else "contradicted"
    return "not confirmed"


def _leaning(row: dict[str, Any]) -> int:
    """What these trainings, too few as they are, agree on about a statement that is not confirmed: 1 that the Dice term does
    what the paper says, −1 the contrary, 0 nothing."""
    away = row["boot_low"] > 0 or row["boot_high"] < 0
    alike = row["agreeing"] == row["seeds"] > 1
    if row["verdict"] != "not confirmed" or row["p_units"] >= LEVEL or not away or not alike:
        return 0
    return 1 if STATEMENTS[row["measure"]][1] * row["mean"] > 0 else -1


def figures(datasets: Iterable[str]) -> dict[str, dict[str, int]]:
    """{data set: {measure: the figure that shows it}}: from 4 on the curves of each, then one of borders, one of sizes."""
    first = 4
    names = list(titles(datasets))
    borders = first + len(names)
    return {
        name: {"dice": own, "iou": own, "pixel_error": own, "border": borders, "small_targets": borders + 1}
        for own, name in enumerate(names, start=first)
    }


def markdown(table: pd.DataFrame, study: str, synthetic: bool) -> str:
    """The verdict in plain words, a table, and what its columns mean."""
    named, numbers = titles(table["dataset"]), figures(table["dataset"])
    lines = [f"# The verdict, study `{study}`", ""]
    if synthetic:
        lines += ["> **Synthetic data**: generated phantoms. This shows that the pipeline works, nothing about the losses.", ""]
    for dataset, title in named.items():
        rows = table[table["dataset"] == dataset]
        lines.append(f"**{title}** ({rows['units'].max()} {rows['unit'].iloc[0]}s, {rows['seeds'].iloc[0]} seeds).")
        for verdict in ("confirmed", "contradicted", "not confirmed", "not measured"):
            if found := rows[rows["verdict"] == verdict]["statement"].to_list():
                lines[-1] += f" {verdict.capitalize()}: that the Dice term {', '.join(found)}."
        for side, what in ((1, "it"), (-1, "the contrary")):
            if found := [row["statement"] for row in rows.to_dict("records") if _leaning(row) == side]:
                lines[-1] += f" Not confirmed, though these few trainings agree on {what}: {', '.join(found)}."
        lines.append("")
    heads = [
        "data",
        "the Dice term …",
        "verdict",
        "CE + DL less CE",
        "95 % interval",
        "p (Holm)",
        "detectable",
        "these trainings: 95 % interval",
        "these trainings: p (Holm)",
        "n",
        "seeds of this sign",
        "the paper",
        "figure",
    ]
    lines += ["| " + " | ".join(heads) + " |", "| " + " | ".join(["---"] * len(heads)) + " |"]
    for row in table.to_dict("records"):
        cells = [
            named[row["dataset"]],
            row["statement"],
            f"**{row['verdict']}**",
            *_numbers(row),
            f"{row['units']} {row['unit']}s",
            f"{row['agreeing']} of {row['seeds']}",
            "–" if pd.isna(row["paper"]) else f"{row['paper']:+.4f}",
            str(numbers[row["dataset"]][row["measure"]]),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    last = max(number for each in numbers.values() for number in each.values())
    return "\n".join([*lines, "", _ABOUT.format(last=last)])


def claims(table: pd.DataFrame, study: str) -> list[dict[str, Any]]:
    """The content of `reports/claims.yaml`: each statement with the paper's value, ours, and the verdict.

    ``tolerance`` is how far `ours` and `interval` may move before the file has to be made again.
    """
    return [
        {
            "study": study,
            "dataset": row["dataset"],
            "measure": row["measure"],
            "statement": f"the Dice term {row['statement']}",
            "paper": None if pd.isna(row["paper"]) else round(row["paper"], 4),
            "ours": None if math.isnan(row["mean"]) else round(row["mean"], 6),
            "interval": None if math.isnan(row["p"]) else [round(row["low"], 6), round(row["high"], 6)],
            "units": row["units"],
            "seeds": row["seeds"],
            "tolerance": CLAIM_TOLERANCE,
            "verdict": row["verdict"],
        }
        for row in table.to_dict("records")
    ]


def _numbers(row: dict[str, float]) -> list[str]:
    """Of the six columns from the difference on."""
    over_all = [f"{row['low']:+.4f} … {row['high']:+.4f}", f"{row['p']:.3g}", f"{row['detectable']:.4f}"]
    of_these = [f"{row['boot_low']:+.4f} … {row['boot_high']:+.4f}", f"{row['p_units']:.3g}"]
    mean = "–" if math.isnan(row["mean"]) else f"{row['mean']:+.4f}"
    return [
        mean,
        *(["–"] * 3 if math.isnan(row["p"]) else over_all),
        *(["–"] * 2 if math.isnan(row["p_units"]) else of_these),
    ]


_ABOUT = """Differences patient by patient (slice by slice where patients are unknown; n of them) and seed by seed: foreground
Dice and IoU, pixel error, surface Dice at 2, Dice of targets below 400 pixels. The first interval and p ask whether other
trainings would show it on other patients: both are samples, and crossed (two-way analysis of variance with random effects,
Hillis 2007); of a single training they say nothing. The second ask it of other patients for these very trainings: bootstrap,
and Wilcoxon's signed-rank. Each p is corrected by Holm over all rows. Confirmed or contradicted: both p are below 0.05.
`detectable` is the difference that would have been found with 80 % power, so that "not confirmed" says how much could have been
overlooked. The paper's differences are of its own average (Table 1), from one run a row. Figures 4 to {last} lie under
`figures/`.
"""
