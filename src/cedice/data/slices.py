"""Slices on a study's grid, 256×256 in most, and the two files that hold them.

Layout of `data/<study>/slices/<data set>.npz` (compressed, no pickle): `images` and `masks`, both (N, size, size) uint8,
0–255 grey values and labels 0..C−1; of a grid with a spacing (`cedice.data.grid`) also `native` (uint8), the labels of the
slices' own pixels, slice after slice in one row (`flat`). `<data set>.csv` has the same N rows in the same order: slice,
volume, patient, frame, split ("train" or "val"; or fold, 0 to 4, where the study's split is folds), native_height,
native_width (pixels), spacing_slices, spacing_rows, spacing_columns (in spacing_unit, "unknown" where a file names none; empty
for plain images), axes (where the slices' x, y and z point to, as in "LPS": the last is the direction that slices follow; empty
where that is unknown, and for plain images),
and pixels_1 … pixels_C−1, the foreground pixels per class in the mask that is measured: `native`, or else `masks`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cedice.errors import CediceError
from cedice.files import read_array_if_there, read_arrays
from cedice.tables import read_table

SIZE = 256  # pixels; the paper's
FOLDS = 5  # where there are folds


@dataclass(frozen=True)
class Slices:
    """images and masks (N, size, size) uint8, and the index table with one row a slice; ``native``: the masks on the
    slices' own pixels, where the grid has a spacing."""

    images: np.ndarray
    masks: np.ndarray
    index: pd.DataFrame
    native: list[np.ndarray] | None = None

    @property
    def truth(self) -> Sequence[np.ndarray]:
        """The masks against which predictions are measured, (H, W) each."""
        return list(self.masks) if self.native is None else self.native

    def rows(self, split: str, seed: int) -> np.ndarray:
        """The numbers of the slices that "train", or that validate ("val"), in the training of this seed, in order: with folds
        those of fold ``seed`` modulo five validate, else the seed does not matter."""
        if "fold" not in self.index:
            return np.flatnonzero(self.index["split"] == split)
        validates = self.index["fold"] == seed % FOLDS
        return np.flatnonzero(validates if split == "val" else ~validates)

    def drawn(self, patients: int | None, seed: int) -> np.ndarray:
        """The training slices of `rows`, of so many patients as the seed draws; all for None. Those of a smaller number are
        among those of a larger one. CediceError where there are fewer patients, and where the drawn ones lack a class."""
        rows = self.rows("train", seed)
        if patients is None:
            return rows
        of = self.index["patient"].to_numpy()[rows]
        names = sorted(set(of))
        if patients > len(names):
            raise CediceError(f"params.yaml: train.patients is {patients}, and {len(names)} train with seed {seed}")
        chosen = rows[np.isin(of, np.random.default_rng(seed).permutation(names)[:patients])]
        if lacking := set(np.unique(self.masks[rows])) - set(np.unique(self.masks[chosen])):
            raise CediceError(
                f"params.yaml: the {patients} of train.patients that seed {seed} draws show no class {min(lacking)}"
            )
        return chosen

    def part(self, split: str, seed: int) -> "Slices":
        """A copy of the slices of `rows`."""
        chosen = self.rows(split, seed)
        native = None if self.native is None else [self.native[number] for number in chosen]
        return Slices(self.images[chosen], self.masks[chosen], self.index.iloc[chosen].reset_index(drop=True), native)


def load(arrays: Path, index: Path) -> Slices:
    """Read both files of the layout above; CediceError where they are missing or damaged, or do not belong together."""
    if missing := [file for file in (arrays, index) if not file.is_file()]:
        raise CediceError(f"{missing[0]}: not there; run the preprocess stage first")
    images, masks = read_arrays(arrays, "images", "masks")
    try:
        table = read_table(index)
        table["fold" if "fold" in table else "split"], table["patient"]
    except (ValueError, KeyError) as error:
        raise CediceError(f"{index}: not an index table ({error}); run the preprocess stage again") from error
    if not len(images) == len(masks) == len(table) or images.shape != masks.shape:
        raise CediceError(f"{arrays}: {images.shape} images, {masks.shape} masks and {len(table)} index rows do not match")
    pixels = read_array_if_there(arrays, "native")
    return Slices(images, masks, table, None if pixels is None else shaped(pixels, table, arrays))


def validating(index: pd.DataFrame) -> pd.DataFrame:
    """The rows of the slices that some training validates: with folds all of them."""
    return index if "fold" in index else index[index["split"] == "val"]


def flat(maps: Iterable[np.ndarray]) -> np.ndarray:
    """Label maps of any shapes as one row of pixels."""
    return np.concatenate([each.ravel() for each in maps])


def shaped(pixels: np.ndarray, index: pd.DataFrame, where: object) -> list[np.ndarray]:
    """The inverse of `flat`: the maps of the slices in ``index``, each of its native shape. CediceError, naming ``where``, for
    another number of pixels."""
    shapes = index[["native_height", "native_width"]].to_numpy()
    ends = np.cumsum(shapes.prod(axis=1))
    if pixels.shape != (ends[-1],):
        raise CediceError(f"{where}: {pixels.shape} pixels for slices of {ends[-1]}; run the stage that writes it again")
    return [each.reshape(shape) for each, shape in zip(np.split(pixels, ends[:-1]), shapes, strict=True)]
