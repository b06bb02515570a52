"""Volumes to slices on a study's grid (`cedice.data.slices` has the layout of the two files that hold them)."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image
from tqdm import tqdm

from cedice.data import splits
from cedice.data.cases import Case, Facts, Volume
from cedice.data.grid import Grid, pixel_size
from cedice.data.slices import FOLDS, SIZE, Slices, flat, shaped
from cedice.data.source import Source
from cedice.errors import CediceError
from cedice.files import replacing, write_arrays

_SPACING = ("spacing_slices", "spacing_rows", "spacing_columns")


def build(source: Source, cases: list[Case], split: str, grid: Grid) -> Slices:
    """Read every case and bring its slices onto the grid; ``split`` is "patient", "slice" or "folds". A source's official
    split stays, but for "slice"; so do the folds that it is known by.

    Raises CediceError for whatever is wrong with a file, and where a class can be measured in no validation mask.
    """
    builder = SliceBuilder(len(source.classes), grid)
    for case in tqdm(cases, desc=f"slices {source.name}", unit="volume", disable=None):
        volume = source.read(case)
        builder.add(case, source.sized(case, volume) if grid.spacing else volume)
    slices = builder.split(split, source)
    if lacking := unmeasured(slices, source.classes):
        raise CediceError(lacking)
    return slices


class SliceBuilder:
    """Slices as they come, volume by volume; grown in place, for a list to be stacked would take twice the memory."""

    def __init__(self, classes: int, grid: Grid = Grid(SIZE)):  # noqa: B008  (frozen)
        self._classes, self._grid = classes, grid
        self._images, self._masks, self._native = bytearray(), bytearray(), bytearray()
        self._rows: list[dict[str, Any]] = []

    def add(self, case: Case, volume: Volume) -> None:
        """Bring a volume's slices onto the grid and take them in; CediceError where that needs a size of pixels that is not
        known."""
        place = dict(zip(_SPACING, volume.spacing or (None, None, None), strict=True)) | {"spacing_unit": volume.unit}
        pixel = pixel_size(self._grid, place, case.image) if self._grid.spacing else None
        for number, (image, mask) in enumerate(zip(volume.image, volume.mask, strict=True)):
            if pixel:
                on_grid, label_map, truth = self._grid.image(image, pixel), self._grid.labels(mask, pixel), mask
                self._native += mask.tobytes()
            else:
                on_grid, label_map = resize_image(image, self._grid.size), resize_mask(mask, self._grid.size)
                truth = label_map
            self._images += on_grid.tobytes()
            self._masks += label_map.tobytes()
            self._rows.append(
                {
                    "slice": f"{case.volume}_z{number:02d}" if len(volume.image) > 1 else case.volume,
                    "volume": case.volume,
                    "patient": case.patient,
                    "frame": case.frame,
                    "split": case.official_split,
                    "patient_number": case.patient_number,
                    "native_height": image.shape[0],
                    "native_width": image.shape[1],
                    **place,
                    "axes": volume.axes,
                    **{f"pixels_{label}": int((truth == label).sum()) for label in range(1, self._classes)},
                }
            )

    def split(self, split: str, source: Source) -> Slices:
        """All of them, split as `build` says; CediceError where that leaks, or leaves one part empty."""
        index = pd.DataFrame(self._rows)
        if (twice := index["slice"].duplicated(keep=False)).any():
            name, volumes = index["slice"][twice].iloc[0], " and ".join(index["volume"][twice][:2])
            raise CediceError(f"slice {name} is of two volumes, {volumes}; rename one of them")
        numbers = index.pop("patient_number").to_list()
        if split == "slice":
            index["split"] = splits.by_slice(len(index))
        elif split == "folds" and index["split"].isna().any():
            folds = splits.as_nnunet(index["patient"].to_list()) if source.nnunet_folds else splits.by_number(numbers)
            index.insert(index.columns.get_loc("split"), "fold", folds)
            index = index.drop(columns="split")
        elif index["split"].isna().any():
            index["split"] = splits.by_patient(numbers)
        else:
            splits.complete(index["split"].to_list())
        if split != "slice" and "split" in index:
            splits.assert_disjoint(index["patient"].to_list(), index["split"].to_list())
        arrays = [
            np.frombuffer(grown, np.uint8).reshape(-1, self._grid.size, self._grid.size)
            for grown in (self._images, self._masks)
        ]
        native = shaped(np.frombuffer(self._native, np.uint8), index, source.name) if self._grid.spacing else None
        return Slices(arrays[0], arrays[1], index, native)


def unmeasured(slices: Slices, classes: tuple[str, ...]) -> str:
    """What to do about a class that no validation mask shows (with folds, none of some fold's), since nothing can be measured
    of it and no report be made; "" where all are shown."""
    for fold in range(FOLDS if "fold" in slices.index else 1):
        shown = slices.index.iloc[slices.rows("val", fold)]
        lacking = [name for label, name in enumerate(classes) if label and not shown[f"pixels_{label}"].any()]
        if lacking:
            where = f"the slices of fold {fold}" if "fold" in slices.index else "the slices that validate"
            return (
                f"split: no {' and no '.join(lacking)} in {where}, so nothing could be measured of it; have patients with it "
                "on both sides ({split} in the paths says the side), or count its values to another class"
            )
    return ""


def resize_image(image: np.ndarray, size: int = SIZE) -> np.ndarray:
    """(H, W) float32 in 0–255 → (size, size) uint8: bilinear, widened to the area of an output pixel where it shrinks."""
    resized = Image.fromarray(image.astype(np.float32)).resize((size, size), Image.Resampling.BILINEAR)
    return np.clip(np.rint(np.asarray(resized)), 0, 255).astype(np.uint8)


def resize_mask(mask: np.ndarray, size: int = SIZE) -> np.ndarray:
    """(H, W) uint8 labels → (size, size) uint8: the nearest pixel, so that no label is invented between two classes."""
    return np.asarray(Image.fromarray(mask).resize((size, size), Image.Resampling.NEAREST))


def summary(slices: Slices, source: Source) -> dict[str, Any]:
    """Counts and class shares of the slices as they are measured, as they go into the report.

    ``unit``: what statistics over the data set take as independent. Without known patients it is the slice, but for volumes:
    each is of one patient. With ``folds`` every patient validates, in one training of as many.
    """
    classes = source.classes
    patients, folds = slices.index["patient"], "fold" in slices.index
    validating = patients.notna() if folds else slices.index["split"] == "val"
    # One slice at a time: a comparison of all would take as much memory as their masks.
    shares = np.array([np.bincount(mask.ravel(), minlength=len(classes)) / mask.size for mask in slices.truth])
    return {
        "slices": len(slices.index),
        "volumes": slices.index["volume"].nunique(),
        "patients": patients.nunique(),
        "validation_patients": patients[validating].nunique(),
        "unit": "patient" if source.patients_known or patients[validating].duplicated().any() else "slice",
        **({"folds": FOLDS} if folds else {side: len(slices.rows(side, 0)) for side in ("train", "val")}),
        "slices_without_foreground": int((shares[:, 1:].sum(axis=1) == 0).sum()),
        "classes": {
            name: {
                "fraction": round(float(shares[:, label].sum() / len(shares)), 6),
                "slices_without": int((shares[:, label] == 0).sum()),
            }
            for label, name in enumerate(classes)
        },
    }


def check_facts(found: dict[str, Any], facts: Facts, name: str) -> None:
    """Hold a `summary` of the complete real data against what is known of it; CediceError names what differs."""
    if found["slices"] != facts.slices:
        raise CediceError(f"{name}: {found['slices']} slices, but the complete data set has {facts.slices}")
    for (label, measured), share, without in zip(found["classes"].items(), facts.fractions, facts.slices_without, strict=True):
        if abs(measured["fraction"] / share - 1) > facts.tolerance:
            raise CediceError(f"{name}: {label} covers {measured['fraction']:.4%} of the slices, but should {share:.4%}")
        if measured["slices_without"] != without:
            raise CediceError(f"{name}: {measured['slices_without']} slices lack the {label}, but {without} should")


def save(slices: Slices, arrays: Path, index: Path) -> None:
    """Write both files of the layout above; the same slices give the same bytes."""
    native = {} if slices.native is None else {"native": flat(slices.native)}
    write_arrays(arrays, images=slices.images, masks=slices.masks, **native)
    with replacing(index) as new:
        slices.index.to_csv(new, index=False, lineterminator="\n")
