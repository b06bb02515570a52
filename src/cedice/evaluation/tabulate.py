"""From label maps, whoever made them, to the counts table (layout: `cedice.evaluation.evaluate`)."""

import numpy as np
import pandas as pd
import torch

from cedice.evaluation.counts import COUNTS, KEYS
from cedice.metrics import region_counts


def tabulate(labels: np.ndarray, masks: np.ndarray, index: pd.DataFrame, classes: int) -> pd.DataFrame:
    """The counts table of ``labels`` and true ``masks``, both (N, H, W) uint8, of the slices whose rows are ``index``."""
    counted = [count(torch.from_numpy(each), torch.from_numpy(mask), classes) for each, mask in zip(labels, masks, strict=True)]
    return table(torch.stack(counted), index, classes)


def count(labels: torch.Tensor, mask: torch.Tensor, classes: int) -> torch.Tensor:
    """(classes, 4) int64, the `COUNTS` of a slice's maps (H, W); of (B, H, W) maps (B, classes, 4)."""
    if labels.ndim == 2:
        return count(labels[None], mask[None], classes)[0]
    tp, fp, fn = region_counts(labels, mask, classes)
    return torch.stack([tp, fp, fn, mask[0].numel() - tp - fp - fn], dim=2)


def table(counted: torch.Tensor, index: pd.DataFrame, classes: int) -> pd.DataFrame:
    """The counts table of (N, classes, 4) `count`s."""
    rows = index[KEYS].loc[index.index.repeat(classes)].reset_index(drop=True)
    rows["class"] = np.tile(np.arange(classes), len(index))
    return pd.concat([rows, pd.DataFrame(counted.reshape(-1, len(COUNTS)).numpy(), columns=COUNTS)], axis=1)
