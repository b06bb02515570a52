"""From weights to counts, the table that everything reported is a group-by over; and the label maps behind it.

Layout of `reports/<study>/counts/<data set>/<arm>-seed<n>.csv`: slice, volume, patient, class (0 is the background), tp, fp,
fn, tn, in pixels of the 256×256 slice; one row per validation slice and class, slices in the order of the index table.
Layout of `data/<study>/predictions/<data set>/<arm>-seed<n>.npz`: `labels` (N, 256, 256) uint8 in that same order.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from cedice.errors import CediceError
from cedice.files import replacing, write_arrays
from cedice.metrics import headline, region_counts
from cedice.training import Tensors, infer, predict
from cedice.unet import UNet

COUNTS = ["tp", "fp", "fn", "tn"]
_KEYS = ["slice", "volume", "patient"]


def evaluate(model: UNet, data: Tensors, index: pd.DataFrame, classes: int, precision: str) -> tuple[pd.DataFrame, np.ndarray]:
    """The counts table and the predicted label maps (N, H, W) uint8 of the slices in ``data``, whose rows are ``index``."""
    labels, tables = [], []
    for logits, mask in infer(model, data, precision):
        prediction = predict(logits)
        tp, fp, fn = region_counts(prediction, mask.long(), classes)
        tn = mask[0].numel() - tp - fp - fn
        tables.append(torch.stack([tp, fp, fn, tn], dim=2).cpu())
        labels.append(prediction.to(torch.uint8).cpu())
    counts = pd.DataFrame(torch.cat(tables).reshape(-1, len(COUNTS)).numpy(), columns=COUNTS)
    rows = index[_KEYS].loc[index.index.repeat(classes)].reset_index(drop=True)
    rows["class"] = np.tile(np.arange(classes), len(index))
    return pd.concat([rows, counts], axis=1), torch.cat(labels).numpy()


def save(counts: pd.DataFrame, labels: np.ndarray, table: Path, arrays: Path) -> None:
    """Write both files of the layouts above."""
    write_arrays(arrays, labels=labels)
    with replacing(table) as new:
        counts.to_csv(new, index=False, lineterminator="\n")


def load_counts(table: Path, classes: int) -> pd.DataFrame:
    """Read a counts table; CediceError where a column, a class of a slice or a pixel is missing, naming the slice."""
    try:
        counts = pd.read_csv(table, dtype=dict.fromkeys(_KEYS, str))
        counts = counts[[*_KEYS, "class", *COUNTS]].astype(dict.fromkeys(["class", *COUNTS], "int64"))
    except (OSError, ValueError, KeyError) as error:
        raise CediceError(f"{table}: not a table of counts ({error}); run the evaluate stage again") from error
    seen = counts.groupby("slice", sort=False)["class"].apply(list)
    for name, found in seen.items():
        if found != list(range(classes)):
            raise CediceError(f"{table}: slice {name} has rows for the classes {found}, not 0..{classes - 1} in order")
    pixels = counts[COUNTS].sum(axis=1)
    wrong = (counts[COUNTS] < 0).any(axis=1) | (pixels != pixels.iloc[0])
    if wrong.any():
        raise CediceError(f"{table}: the counts of slice {counts['slice'][wrong].iloc[0]} do not add up to its pixels")
    return counts


def pooled_headline(counts: pd.DataFrame) -> dict[str, dict[str, float]]:
    """`metrics.headline` of a counts table: summed over its slices, per class."""
    sums = counts.groupby("class")[["tp", "fp", "fn"]].sum()
    return headline(*(sums[name].to_numpy() for name in sums))
