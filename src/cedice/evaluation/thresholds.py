"""What a network's probabilities say at every threshold, not only at 0.5: TP, FP, FN of each unit, class and threshold.

At threshold t a pixel is background where p / (p + p₀) < t, p the largest probability of a foreground class and p₀ that of the
background; else it is of that class. For one channel this is σ(z) ≥ t, and at t = 0.5 the label is the most probable class.
A network's own threshold is that of the highest mean foreground Dice over the patients.

Layout of `thresholds.csv`: patient, class (from 1), threshold, tp, fp, fn, over all slices of a patient (of a slice, where
patients are unknown), in the pixels that `counts.csv` counts.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from cedice.evaluation.calibration import BINS
from cedice.metrics import dice
from cedice.training.forward import most_probable

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


def labels(likely: torch.Tensor, threshold: float) -> torch.Tensor:
    """(B, H, W) uint8, labels at a threshold between 0 and 1, of probabilities (B, C, H, W), which sum to 1. At 0.5 of classes
    that are equally probable the first, as ever."""
    if threshold == HALF:
        return most_probable(likely)
    place, share = _foreground(likely)
    return (place + 1).masked_fill_(~(share >= threshold), 0)


def counted(likely: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """(B, C − 1, T, 3) int64, TP, FP, FN at each of the T `THRESHOLDS`, of probabilities (B, C, H, W), which sum to 1, and a
    mask (B, H, W) of labels 0..C−1."""
    images, classes = likely.shape[0], likely.shape[1] - 1
    label, share = _foreground(likely)
    grid = torch.tensor(THRESHOLDS, dtype=share.dtype, device=share.device)
    passed = torch.bucketize(share, grid, right=True)  # so many thresholds say foreground
    image = torch.arange(images, device=share.device).view(-1, 1, 1)
    cells = (image * classes + label) * (len(grid) + 1) + passed
    size, shape = images * classes * (len(grid) + 1), (images, classes, len(grid) + 1)
    predicted, hits = (
        torch.bincount(chosen.flatten(), minlength=size).view(shape)[:, :, 1:].flip(2).cumsum(2).flip(2)
        for chosen in (cells, cells[mask == label + 1])
    )
    labels = torch.arange(1, classes + 1, device=mask.device).view(1, -1, 1, 1)
    truth = (mask[:, None] == labels).sum(dim=(2, 3))[:, :, None]
    return torch.stack([hits, predicted - hits, truth - hits], dim=3)


def _foreground(likely: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(The most probable foreground class, from 0, uint8; its probability's share p / (p + p₀)), both (B, H, W)."""
    best = likely[:, 1:].amax(dim=1)
    return most_probable(likely[:, 1:]), best / (best + likely[:, 0]).clamp(min=torch.finfo(likely.dtype).tiny)


def table(counts: np.ndarray, index: pd.DataFrame) -> pd.DataFrame:
    """The layout above, from `counted` of the slices in ``index``, (N, C − 1, T, 3); patients in their order."""
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
    values = pd.Series(dice(table["tp"], table["fp"], table["fn"]), pd.MultiIndex.from_frame(table[["patient", "threshold"]]))
    return values.groupby(level=["patient", "threshold"], sort=False).mean().unstack("threshold", sort=False)


def best(table: pd.DataFrame) -> float:
    """The threshold of the highest mean over the patients of `scores`; the lowest of several."""
    return float(THRESHOLDS[int(np.argmax(table.mean().to_numpy()))])


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
