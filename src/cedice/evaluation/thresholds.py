"""What a network's probabilities say at every threshold, not only at 0.5: TP, FP, FN of each unit, class and threshold.

At threshold t a pixel is background where p / (p + p₀) < t, p the largest probability of a foreground class and p₀ that of the
background; else it is of that class. For one channel this is σ(z) ≥ t, and at t = 0.5 the label is the most probable class.
A network's own threshold is that of the highest mean foreground Dice over the patients.

Layout of `thresholds.csv`: patient, class (from 1), threshold, tp, fp, fn, over all slices of a patient (of a slice, where
patients are unknown), in the pixels that `counts.csv` counts. `at_threshold` counts them, with PyTorch, which no report needs.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cedice.evaluation.calibration import BINS
from cedice.metrics import dice

THRESHOLDS = np.arange(1, BINS) / BINS
HALF = 0.5


@dataclass(frozen=True)
class Own:
    """A network's own ``threshold``, and its foreground Dice there and at 0.5 to four digits: means over so many ``units``,
    which are patients, or slices where patients are unknown."""

    threshold: float
    dice: float
    dice_at_half: float
    units: int


def table(counts: np.ndarray, index: pd.DataFrame) -> pd.DataFrame:
    """The layout above, from `at_threshold.counted` of the slices in ``index``, (N, C − 1, T, 3); patients in their order."""
    numbers, names = index["patient"].factorize()
    sums = np.zeros((len(names), *counts.shape[1:]), np.int64)
    np.add.at(sums, numbers, counts)
    patient, label, place = (axis.ravel() for axis in np.indices(sums.shape[:-1]))
    rows = pd.DataFrame({"patient": names.to_numpy()[patient], "class": label + 1, "threshold": THRESHOLDS[place]})
    rows[["tp", "fp", "fn"]] = sums.reshape(-1, 3)
    return rows


def scores(table: pd.DataFrame) -> pd.DataFrame:
    """Foreground Dice, a row a patient and a column a threshold, from the layout above: mean over the classes, of which those
    that prediction and truth both lack are left out."""
    patients = table["patient"].drop_duplicates()
    values = dice(table["tp"], table["fp"], table["fn"]).reshape(
        len(patients), -1, len(THRESHOLDS)
    )  # as the layout orders rows
    there = np.isfinite(values)
    means = np.where(there, values, 0).sum(axis=1) / np.where(there.any(axis=1), there.sum(axis=1), np.nan)
    return pd.DataFrame(means, pd.Index(patients, name="patient"), pd.Index(THRESHOLDS, name="threshold"))


def best(table: pd.DataFrame) -> float:
    """The threshold of the highest mean over the patients of `scores`; of several the one nearest to 0.5."""
    means = table.mean().to_numpy()
    highest = THRESHOLDS[means == np.nanmax(means)]
    return float(highest[np.abs(highest - HALF).argmin()])


def own(table: pd.DataFrame) -> Own:
    """From the layout above, of one network."""
    by_threshold = scores(table)
    threshold, means = best(by_threshold), by_threshold.mean()
    return Own(threshold, round(float(means[threshold]), 4), round(float(means[HALF]), 4), len(by_threshold))


def of_bins(bins: pd.DataFrame) -> pd.DataFrame:
    """The layout above from a calibration table (`cedice.evaluation.calibration`). For one class it is the same, but for pixels
    that lie on a threshold; of several classes each is held against all the rest."""
    bins = bins.sort_values(["patient", "class", "bin"], key=lambda column: column.map(_places(column)), kind="stable")
    pixels, positives = (bins[name].to_numpy().reshape(-1, BINS) for name in ("pixels", "positives"))
    predicted, hits = (values[:, ::-1].cumsum(axis=1)[:, ::-1][:, 1:] for values in (pixels, positives))
    truth = positives.sum(axis=1, keepdims=True)
    rows = bins[["patient", "class"]].iloc[::BINS]
    rows = rows.loc[rows.index.repeat(len(THRESHOLDS))].reset_index(drop=True)
    rows["threshold"] = np.tile(THRESHOLDS, len(pixels))
    rows[["tp", "fp", "fn"]] = np.stack([hits, predicted - hits, truth - hits], axis=2).reshape(-1, 3)
    return rows


def _places(column: pd.Series) -> dict:
    return {value: place for place, value in enumerate(column.unique())}
