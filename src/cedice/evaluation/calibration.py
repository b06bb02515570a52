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

BINS = 20
MEASURES = ("ece", "mce", "brier", "ece_image", "mce_image")
SUMS = ["pixels", "probability", "positives", "squares"]


def table(sums: np.ndarray, index: pd.DataFrame) -> pd.DataFrame:
    """The layout above, from `bins.bin_sums` of the slices in ``index``, (N, K, BINS, 4); patients in their order."""
    gaps = abs(sums[..., 1] - sums[..., 2])
    errors = gaps / np.maximum(sums[..., 0], 1)
    worst = np.where(np.arange(BINS) == errors.argmax(axis=2)[..., None], errors, 0)
    values = np.concatenate([sums, gaps[..., None], worst[..., None]], axis=3)
    tables = []
    for patient, rows in index.reset_index(drop=True).groupby("patient", sort=False).groups.items():
        summed = values[rows].sum(axis=0)
        cells = {"class": np.repeat(np.arange(1, len(summed) + 1), BINS), "bin": np.tile(np.arange(1, BINS + 1), len(summed))}
        columns = dict(zip([*SUMS, "gaps", "worst"], summed.reshape(-1, values.shape[3]).T, strict=True))
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
