"""What a network's probabilities say at every threshold, not only at 0.5: TP, FP, FN of each unit, class and threshold.

At threshold t a pixel is background where p / (p + p₀) < t, p the largest probability of a foreground class and p₀ that of the
background; else it is of that class. For one channel this is σ(z) ≥ t, and at t = 0.5 the label is the most probable class.

Layout of `thresholds.csv`: patient, class (from 1), threshold, tp, fp, fn, over all slices of a patient (of a slice, where
patients are unknown), in the pixels that `counts.csv` counts.
"""

import numpy as np
import pandas as pd
import torch

from cedice.evaluation.calibration import BINS

THRESHOLDS = np.arange(1, BINS) / BINS


def counted(likely: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """(B, C − 1, T, 3) int64, TP, FP, FN at each of the T `THRESHOLDS`, of probabilities (B, C, H, W), which sum to 1, and a
    mask (B, H, W) of labels 0..C−1."""
    images, classes = likely.shape[0], likely.shape[1] - 1
    best, label = likely[:, 1:].max(dim=1)
    share = best / (best + likely[:, 0]).clamp(min=torch.finfo(likely.dtype).tiny)
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


def table(counts: np.ndarray, index: pd.DataFrame) -> pd.DataFrame:
    """The layout above, from `counted` of the slices in ``index``, (N, C − 1, T, 3); patients in their order."""
    numbers, names = index["patient"].factorize()
    sums = np.zeros((len(names), *counts.shape[1:]), np.int64)
    np.add.at(sums, numbers, counts)
    patient, label, place = (axis.ravel() for axis in np.indices(sums.shape[:-1]))
    rows = pd.DataFrame({"patient": names.to_numpy()[patient], "class": label + 1, "threshold": THRESHOLDS[place]})
    rows[["tp", "fp", "fn"]] = sums.reshape(-1, 3)
    return rows


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
