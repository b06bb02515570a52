"""The counts table (layout: `cedice.evaluation.evaluate`), read, summed and compared."""

from pathlib import Path

import numpy as np
import pandas as pd

from cedice.errors import CediceError
from cedice.metrics import dice, headline, iou, pixel_error
from cedice.tables import read_table

COUNTS = ["tp", "fp", "fn", "tn"]
KEYS = ["slice", "volume", "patient"]
Counts = dict[tuple[str, int], pd.DataFrame]  # of one data set, by (loss, seed)


def load_counts(table: Path, classes: int) -> pd.DataFrame:
    """Read a counts table; CediceError where a column, a class of a slice or a pixel is missing, naming the slice."""
    try:
        counts = read_table(table)
    except (OSError, ValueError) as error:
        raise CediceError(f"{table}: not a table of counts ({error}); run the stage that writes it again") from error
    check_counts(counts, classes, str(table))
    return counts[[*KEYS, "class", *COUNTS]]


def check_counts(counts: pd.DataFrame, classes: int, where: str) -> None:
    """CediceError unless the rows of a slice are those of all ``classes`` in order, and their counts are whole numbers that add
    up to its pixels; ``where`` says of what they are."""
    lacking = [name for name in (*KEYS, "class", *COUNTS) if name not in counts]
    if lacking or not all(pd.api.types.is_integer_dtype(counts[name]) for name in ("class", *COUNTS)):
        told = f"no column {lacking[0]}" if lacking else "a count is no whole number"
        raise CediceError(f"{where}: not a table of counts ({told}); get it from Git, or run the stage that writes it again")
    labels, slices = counts["class"].to_numpy(), counts["slice"].to_numpy()
    whole = len(counts) - len(counts) % classes
    wrong = (labels[:whole].reshape(-1, classes) != np.arange(classes)).any(axis=1)
    wrong |= (slices[:whole].reshape(-1, classes) != slices[:whole:classes, None]).any(axis=1)
    if wrong.any() or whole < len(counts):
        name = slices[wrong.argmax() * classes if wrong.any() else whole]
        raise CediceError(f"{where}: slice {name} lacks rows of counts for the classes 0..{classes - 1} in order")
    values = counts[COUNTS].to_numpy()
    pixels = values.sum(axis=1).reshape(-1, classes)
    wrong = (values < 0).any(axis=1) | (pixels != pixels[:, :1]).ravel()
    if wrong.any():
        raise CediceError(f"{where}: the counts of slice {slices[wrong.argmax()]} do not add up to its pixels")


def pooled_headline(counts: pd.DataFrame) -> dict[str, dict[str, float]]:
    """`metrics.headline` of a counts table: summed over its slices, per class."""
    sums = counts.groupby("class")[["tp", "fp", "fn"]].sum()
    return headline(*(sums[name].to_numpy() for name in sums))


def same_slices(counts: Counts, dataset: str, folds: int = 1) -> None:
    """CediceError unless all trainings that validate the same of the ``folds`` (seed modulo ``folds``; 1 without) were counted
    on the same slices: a mean over others is no comparison."""
    firsts: dict[int, tuple[tuple[str, int], pd.DataFrame]] = {}
    for other, table in counts.items():
        first, expected = firsts.setdefault(other[1] % folds, (other, table))
        if not table["slice"].reset_index(drop=True).equals(expected["slice"].reset_index(drop=True)):
            names = [f"{loss} seed {seed}" for loss, seed in (first, other)]
            raise CediceError(
                f"{dataset}: {names[1]} was counted on other slices than {names[0]}; run the evaluate stage again"
            )


def check_units(counts: Counts, units: int, folds: int, dataset: str) -> None:
    """CediceError unless the counts of every training are of as many validation patients as ``units``, which the record of the
    slices says; with folds, unless those of all folds together are, and none is in two."""
    if folds == 1:
        found = {f"{loss} seed {seed}": table["patient"].nunique() for (loss, seed), table in counts.items()}
    else:
        patients: dict[int, set[str]] = {}
        for (_, seed), table in counts.items():
            patients.setdefault(seed % folds, set()).update(table["patient"])
        shared = sum(map(len, patients.values())) - len(set().union(*patients.values()))
        if shared:
            raise CediceError(f"{dataset}: counts of {shared} patients in two folds; run the evaluate stage again")
        found = {f"all {folds} folds": sum(map(len, patients.values()))} if len(patients) == folds else {}
    for name, counted in found.items():
        if counted != units:
            raise CediceError(
                f"{dataset} {name}: counts of {counted} patients, but {units} validate by the record of the slices; "
                "run the evaluate stage again"
            )


def structures(counts: pd.DataFrame) -> pd.DataFrame:
    """slice, class, ``there`` (whether the slice truly has the class) and ``marked`` (whether it is predicted on it), of every
    slice and foreground class."""
    rows = counts[counts["class"] > 0]
    there, marked = rows["tp"] + rows["fn"] > 0, rows["tp"] + rows["fp"] > 0
    return rows[["slice", "class"]].assign(there=there, marked=marked)


def regions(counts: pd.DataFrame, *keys: str) -> pd.DataFrame:
    """Foreground dice and iou, and pixel_error, of every patient, or of every combination of the columns ``keys``, from its
    summed counts; in the order in which they come."""
    names = list(keys) or ["patient"]
    sums = counts.groupby([*names, "class"], sort=False)[["tp", "fp", "fn"]].sum()
    classes = sums.index.get_level_values("class").max() + 1
    found = pd.DataFrame(index=sums.index[::classes].droplevel("class"))
    whole = [sums[name].to_numpy().reshape(-1, classes) for name in sums]
    foreground = [column[:, 1:] for column in whole]
    found["dice"] = pd.DataFrame(dice(*foreground), found.index).mean(axis=1)
    found["iou"] = pd.DataFrame(iou(*foreground), found.index).mean(axis=1)
    found["pixel_error"] = pixel_error(*whole)
    return found
