"""Small targets: what becomes of every connected true region, by its size.

A target is a connected region of one class in one slice (8-neighbourhood). It is held against the predicted regions of its
class that touch it: hits are its pixels that they cover, its Dice is 2·hits / (its pixels + theirs), its recall
hits / its pixels; it is missed where they cover none.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy import ndimage

_EIGHT = np.ones((3, 3), bool)


def table(labels: Iterable[np.ndarray], masks: Iterable[np.ndarray], index: pd.DataFrame, classes: int) -> pd.DataFrame:
    """One row per target: slice, volume, patient, class, target (from 1), pixels, hits, predicted (pixels that touch it).

    labels, masks: (H, W) integer maps of the slices in ``index`` (the layout of `cedice.data.slices`).
    """
    rows = []
    for prediction, truth, place in zip(labels, masks, index.to_dict("records"), strict=True):
        for label in range(1, classes):
            keys = {name: place[name] for name in ("slice", "volume", "patient")} | {"class": label}
            for number, found in enumerate(_targets(prediction == label, truth == label), start=1):
                rows.append(keys | {"target": number} | found)
    return pd.DataFrame(rows, columns=["slice", "volume", "patient", "class", "target", "pixels", "hits", "predicted"])


def _targets(prediction: np.ndarray, truth: np.ndarray) -> list[dict[str, int]]:
    targets, count = ndimage.label(truth, _EIGHT)
    regions, _ = ndimage.label(prediction, _EIGHT)
    sizes = np.bincount(regions.ravel())
    found = []
    for target in range(1, count + 1):
        inside = targets == target
        touched = np.unique(regions[inside])
        found.append(
            {
                "pixels": int(inside.sum()),
                "hits": int((inside & prediction).sum()),
                "predicted": int(sizes[touched[touched > 0]].sum()),
            }
        )
    return found
