"""Volumes to 256×256 slices, and the two files that hold them.

Layout of `data/<study>/slices/<data set>.npz` (compressed, no pickle): `images` and `masks`, both (N, 256, 256) uint8,
0–255 grey values and labels 0..C−1. `<data set>.csv` has the same N rows in the same order: slice, volume, patient,
frame, split ("train" or "val"; or fold, 0 to 4, where the study's split is folds), native_height, native_width (pixels),
spacing_slices, spacing_rows, spacing_columns (in spacing_unit, "unknown" where a file names none; empty for plain images),
axes (where the file's x, y and z point to, as in "LPS"; empty where that is unknown, and for plain images), and pixels_1 …
pixels_C−1, the foreground pixels per class in the 256×256 mask.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cedice.errors import CediceError
from cedice.files import read_arrays
from cedice.tables import read_table

SIZE = 256  # pixels; the paper's
FOLDS = 5  # where there are folds


@dataclass(frozen=True)
class Slices:
    """images and masks (N, 256, 256) uint8, and the index table with one row a slice."""

    images: np.ndarray
    masks: np.ndarray
    index: pd.DataFrame

    def rows(self, split: str, seed: int) -> np.ndarray:
        """The numbers of the slices that "train", or that validate ("val"), in the training of this seed, in order: with folds
        those of fold ``seed`` modulo five validate, else the seed does not matter."""
        if "fold" not in self.index:
            return np.flatnonzero(self.index["split"] == split)
        validates = self.index["fold"] == seed % FOLDS
        return np.flatnonzero(validates if split == "val" else ~validates)

    def part(self, split: str, seed: int) -> "Slices":
        """A copy of the slices of `rows`."""
        chosen = self.rows(split, seed)
        return Slices(self.images[chosen], self.masks[chosen], self.index.iloc[chosen].reset_index(drop=True))


def load(arrays: Path, index: Path) -> Slices:
    """Read both files of the layout above; CediceError where they are damaged or do not belong together."""
    images, masks = read_arrays(arrays, "images", "masks")
    try:
        table = read_table(index)
        table["fold" if "fold" in table else "split"], table["patient"]
    except (ValueError, KeyError) as error:
        raise CediceError(f"{index}: not an index table ({error}); run the preprocess stage again") from error
    if not len(images) == len(masks) == len(table) or images.shape != masks.shape:
        raise CediceError(f"{arrays}: {images.shape} images, {masks.shape} masks and {len(table)} index rows do not match")
    return Slices(images, masks, table)
