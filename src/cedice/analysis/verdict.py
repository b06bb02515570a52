"""The verdict on the paper's claim: for each of its statements and each data set, confirmed, not confirmed or contradicted;
or not testable, with one training a loss.

The paper states that the Dice term raises Dice and IoU and lowers pixel error, most of all at borders and on small targets.
Every statement is a difference CE + DL minus CE in one measure, taken patient by patient (slice by slice where patients are
unknown) and seed by seed:
  dice, iou       foreground: counts pooled over a patient's slices, then the mean over the foreground classes
  pixel_error     wrong pixels / all pixels of a patient's slices
  border          surface Dice at 2 pixels (mm where known), mean over a patient's slices and classes with the structure, 0
                  where nothing is marked; marks on slices without it are a question of `cedice.analysis.beyond`
  small targets   Dice of targets below 400 pixels, mean over a patient's targets; patients without any are left out. Where
                  more than nine in ten targets are below, those of the lowest third of the sizes instead (`small_below`).
Each p (`cedice.analysis.statistics`: over other trainings and other patients) is corrected by Holm within its family: Dice on
every data set is primary, all else secondary. With one training a loss a statement is not testable; where fewer than two
patients have a measure, it is not measured. Else it is
  confirmed, contradicted         where the corrected p lies below 0.05, by the sign of the difference
  no difference that matters      where the test of equivalence says that it lies within the measure's margin (`params.yaml`)
  not confirmed                   where neither holds: the detectable difference says what could have been missed.
A statement that is confirmed or contradicted may lie within the margin as well, and the verdict says so.
Each network that is read from a training is judged by itself; the verdict rests on the averaged one where it was kept, as was
decided before its numbers were known.
"""

import math
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import pandas as pd

from cedice.analysis.compared import compare, corrected, influence, levels
from cedice.analysis.together import together
from cedice.errors import CediceError
from cedice.evaluation.counts import regions, same_slices, structures
from cedice.evaluation.runs import decisive
from cedice.metrics import dice
from cedice.paper import PAIR, difference, foreground_difference

CLAIM_TOLERANCE = 1e-5  # of differences in Dice and the like: beyond rounding, a number was changed
PRIMARY = "dice"
SMALL = 400  # pixels of the 256×256 slice
NEARLY_ALL = 0.9  # of the targets; the threshold then tells nothing apart
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


Study = dict[tuple[str, str, int], Measured]  # by (data set, loss, seed)


def small_below(pixels: pd.Series) -> int:
    """The size below which a target counts as small: `SMALL`, or, where more than `NEARLY_ALL` of the targets are below it, the
    next size after the lowest third. ``pixels``: of every target."""
    return math.floor(pixels.quantile(1 / 3)) + 1 if (pixels < SMALL).mean() > NEARLY_ALL else SMALL


def patients(measured: Measured, below: int = SMALL) -> pd.DataFrame:
    """One row per patient, the columns of `STATEMENTS`, small targets being those ``below`` so many pixels; NaN where a patient
    has no such value."""
    table = regions(measured.counts)
    table["border"] = border(measured.counts, measured.surfaces)
    small = measured.targets[measured.targets["pixels"] < below]
    scores = pd.Series(dice(small["hits"], small["predicted"] - small["hits"], small["pixels"] - small["hits"]), small.index)
    table["small_targets"] = scores.groupby(small["patient"]).mean()
    return table


def border(counts: pd.DataFrame, surfaces: pd.DataFrame) -> pd.Series:
    """By patient, the measure of that name."""
    places = surfaces.merge(structures(counts), on=["slice", "class"], validate="one_to_one")
    return places[places["there"]].groupby("patient")["surface_dice_2"].mean()


def judge(study: Study, units: dict[str, str], margins: dict[str, float], folds: dict[str, int]) -> pd.DataFrame:
    """One row per data set and statement: dataset, measure, statement, unit, paper (its difference, where it has one, in the
    average over the foreground), family, margin, `ce` and `ce_dl`, the levels whose difference is the mean, the fields of
    `Paired` with p corrected, `detectable` (at the level of the first step of Holm's correction, the strictest),
    `influential`, the unit that carries most of the difference, and `influence`, its share, and the verdict. The statement
    about small targets names another threshold than `SMALL`.

    ``units``: by data set "patient", or "slice" where patients are unknown. ``margins``: by measure, the largest difference
    that does not matter. ``folds``: by data set, 1 without. CediceError for one patient only, and where trainings that validate
    the same fold were counted on different slices.
    """
    rows = []
    for dataset in dict.fromkeys(dataset for dataset, _, _ in study):
        trainings = {(loss, seed): measured for (name, loss, seed), measured in study.items() if name == dataset}
        same_slices({key: measured.counts for key, measured in trainings.items()}, dataset, folds[dataset])
        seeds = list(dict.fromkeys(seed for _, seed in trainings))
        once = {seed % folds[dataset]: trainings[PAIR[0], seed].targets["pixels"] for seed in seeds}  # by fold
        below = small_below(pd.concat(once.values()))
        tables = together(partial(patients, below=below), trainings)
        first = trainings[PAIR[0], seeds[0]].counts
        if len({patient for table in tables.values() for patient in table.index}) < 2:
            raise CediceError(f"{dataset}: one {units[dataset]} in the validation set; a verdict needs at least two")
        for measure, (stated, _) in STATEMENTS.items():
            third = f" (the lowest third, below {below} pixels)" if measure == "small_targets" and below != SMALL else ""
            keys = {"dataset": dataset, "measure": measure, "statement": stated + third, "unit": units[dataset]}
            paper = foreground_difference(dataset, measure, classes=first["class"].max() + 1)
            family = "primary" if measure == PRIMARY else "secondary"
            result = compare(tables, measure, margins[measure], folds[dataset])
            rows.append(
                keys
                | {"paper": paper, "family": family, "margin": margins[measure]}
                | levels(tables, measure, folds[dataset])
                | asdict(result)
                | influence(tables, measure, folds[dataset])
            )
    return corrected(pd.DataFrame(rows), {measure: sign for measure, (_, sign) in STATEMENTS.items()})


def claims(table: pd.DataFrame, study: str) -> list[dict[str, Any]]:
    """The content of `reports/claims.yaml`: each statement with the paper's value as printed, ours, and the verdict, of the
    network on which it rests. ``table``: `judge`, with a column `readout`.

    ``tolerance`` is how far `ours` and `interval` may move before the file has to be made again.
    """
    return [
        {
            "study": study,
            "readout": row["readout"],
            "dataset": row["dataset"],
            "measure": row["measure"],
            "statement": f"the Dice term {row['statement']}",
            "paper": _rounded(difference(row["dataset"], row["measure"]), 4),
            "ours": _rounded(row["mean"], 6),
            "interval": None if math.isnan(row["p"]) else [round(row["low"], 6), round(row["high"], 6)],
            "units": row["units"],
            "seeds": row["seeds"],
            "tolerance": CLAIM_TOLERANCE,
            "verdict": row["verdict"],
        }
        for row in table[table["readout"] == decisive(table["readout"])].to_dict("records")
    ]


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None or math.isnan(value) else round(value, digits)
