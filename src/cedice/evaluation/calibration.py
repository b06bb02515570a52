"""Do probabilities mean what they say? Calibration error and Brier score of every foreground class, from sums over bins.

A pixel's probability p of a class lies in bin k = ⌈20 p⌉ of 20 (p = 0 in the first); y is 1 where it is of that class, else 0.
Over the pixels of one image, or of all images of a patient together,
  expected error  Σ_k |Σp − Σy| / pixels, the sums inside over bin k (Naeini et al., AAAI 2015)
  maximum error   max_k |Σp − Σy| / pixels of bin k, over the bins that have any
  Brier score     Σ (p − y)² / pixels.
They are of the network's own output, so on the grid that it works on. Most pixels are background that is easy: the expected
error and the Brier score of two studies compare only on the same grid.

Layout of `reports/<study>/calibration/<data set>/<loss>-seed<n>.csv`: patient, class (from 1), bin (from 1), images, and over
all of these the sums pixels, probability (Σp), positives (Σy) and squares (Σ(p − y)²); gaps, the sum over the images of
|Σp − Σy| in one; and worst, the sum of their maximum errors, each in the bin that has it.
"""

import numpy as np
import pandas as pd
import torch

BINS = 20
MEASURES = ("ece", "mce", "brier", "ece_image", "mce_image")
_SUMS = ["pixels", "probability", "positives", "squares"]


def bin_sums(logits: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """(B, K, BINS, 4) float64: pixels, Σp, Σy and Σ(p − y)² of each image, foreground class and bin.

    logits: (B, 1, H, W) or (B, C, H, W) float32; mask: (B, H, W) labels 0..C−1. K is 1 for one channel, else C − 1.
    """
    classes = max(logits.shape[1] - 1, 1)
    labels = torch.arange(1, classes + 1, device=mask.device).view(-1, 1, 1)
    offsets = BINS * torch.arange(classes, dtype=torch.int32, device=mask.device).view(-1, 1, 1)
    found = []
    for scores, target in zip(logits, mask, strict=True):  # one by one they fit into a CPU's cache: half the time
        probability = scores.sigmoid() if len(scores) == 1 else scores.softmax(dim=0)[1:]
        truth = target == labels
        cells = ((probability * BINS).ceil_().clamp_(1, BINS).int() - 1).add_(offsets).flatten()
        squares = (probability - truth.float()).square_()
        weights = (None, *(values.flatten().double() for values in (probability, truth, squares)))
        sums = [torch.bincount(cells, values, classes * BINS).double() for values in weights]
        found.append(torch.stack(sums, dim=1).view(classes, BINS, len(_SUMS)))
    return torch.stack(found)


def table(sums: np.ndarray, index: pd.DataFrame) -> pd.DataFrame:
    """The layout above, from `bin_sums` of the slices in ``index``, (N, K, BINS, 4); patients in their order."""
    gaps = abs(sums[..., 1] - sums[..., 2])
    errors = gaps / np.maximum(sums[..., 0], 1)
    worst = np.where(np.arange(BINS) == errors.argmax(axis=2)[..., None], errors, 0)
    values = np.concatenate([sums, gaps[..., None], worst[..., None]], axis=3)
    tables = []
    for patient, rows in index.reset_index(drop=True).groupby("patient", sort=False).groups.items():
        summed = values[rows].sum(axis=0)
        cells = {"class": np.repeat(np.arange(1, len(summed) + 1), BINS), "bin": np.tile(np.arange(1, BINS + 1), len(summed))}
        columns = dict(zip([*_SUMS, "gaps", "worst"], summed.reshape(-1, values.shape[3]).T, strict=True))
        tables.append(pd.DataFrame({"patient": patient, **cells, "images": len(rows), **columns}))
    return pd.concat(tables, ignore_index=True).astype({"pixels": "int64", "positives": "int64"})


def patients(table: pd.DataFrame) -> pd.DataFrame:
    """`MEASURES` of each patient, from the layout above, a mean over the foreground classes; `ece`, `mce` and `brier` of all
    its images together, `ece_image` and `mce_image` the mean over its images."""
    gap = abs(table["probability"] - table["positives"])
    table = table.assign(gap=gap, error=gap / table["pixels"].clip(lower=1))
    by_class = table.groupby(["patient", "class"], sort=False)
    sums, images = by_class[["pixels", "squares", "gap", "gaps", "worst"]].sum(), by_class["images"].first()
    found = {
        "ece": sums["gap"] / sums["pixels"],
        "mce": by_class["error"].max(),
        "brier": sums["squares"] / sums["pixels"],
        "ece_image": sums["gaps"] / sums["pixels"],
        "mce_image": sums["worst"] / images,
    }
    return pd.DataFrame(found).groupby("patient", sort=False).mean()
