"""Volumes to 256×256 slices (`cedice.data.slices` has the layout of the two files that hold them)."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image
from tqdm import tqdm

from cedice.data import splits
from cedice.data.cases import Case, Facts, Volume
from cedice.data.slices import FOLDS, SIZE, Slices
from cedice.data.source import Source
from cedice.errors import CediceError
from cedice.files import replacing, write_arrays


def build(source: Source, cases: list[Case], split: str) -> Slices:
    """Read every case and resize its slices; ``split`` is "patient", "slice" or "folds". A source's official split stays, but
    for "slice"; so do the folds that it is known by.

    Raises CediceError for whatever is wrong with a file.
    """
    builder = SliceBuilder(len(source.classes))
    for case in tqdm(cases, desc=f"slices {source.name}", unit="volume", disable=None):
        builder.add(case, source.read(case))
    return builder.split(split, source)


class SliceBuilder:
    """Slices as they come, volume by volume; grown in place, for a list to be stacked would take twice the memory."""

    def __init__(self, classes: int):
        self._classes = classes
        self._images, self._masks = bytearray(), bytearray()
        self._rows: list[dict[str, Any]] = []

    def add(self, case: Case, volume: Volume) -> None:
        """Resize a volume's slices and take them in."""
        spacing = volume.spacing or (None, None, None)
        for number, (image, mask) in enumerate(zip(volume.image, volume.mask, strict=True)):
            label_map = resize_mask(mask)
            self._images += resize_image(image).tobytes()
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
                    "spacing_slices": spacing[0],
                    "spacing_rows": spacing[1],
                    "spacing_columns": spacing[2],
                    "spacing_unit": volume.unit,
                    "axes": volume.axes,
                    **{f"pixels_{label}": int((label_map == label).sum()) for label in range(1, self._classes)},
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
        arrays = [np.frombuffer(grown, np.uint8).reshape(-1, SIZE, SIZE) for grown in (self._images, self._masks)]
        return Slices(arrays[0], arrays[1], index)


def resize_image(image: np.ndarray, size: int = SIZE) -> np.ndarray:
    """(H, W) float32 in 0–255 → (size, size) uint8: bilinear, widened to the area of an output pixel where it shrinks."""
    resized = Image.fromarray(image.astype(np.float32)).resize((size, size), Image.Resampling.BILINEAR)
    return np.clip(np.rint(np.asarray(resized)), 0, 255).astype(np.uint8)


def resize_mask(mask: np.ndarray) -> np.ndarray:
    """(H, W) uint8 labels → (256, 256) uint8: the nearest pixel, so that no label is invented between two classes."""
    return np.asarray(Image.fromarray(mask).resize((SIZE, SIZE), Image.Resampling.NEAREST))


def summary(slices: Slices, source: Source) -> dict[str, Any]:
    """Counts and class shares of the 256×256 slices, as they go into the report.

    ``unit``: what statistics over the data set take as independent. Without known patients it is the slice, but for volumes:
    each is of one patient. With ``folds`` every patient validates, in one training of as many.
    """
    classes = source.classes
    patients, folds = slices.index["patient"], "fold" in slices.index
    validating = patients.notna() if folds else slices.index["split"] == "val"
    # One slice at a time: a comparison of all would take as much memory as their masks.
    pixels = np.array([np.bincount(mask.ravel(), minlength=len(classes)) for mask in slices.masks])
    return {
        "slices": len(slices.index),
        "volumes": slices.index["volume"].nunique(),
        "patients": patients.nunique(),
        "validation_patients": patients[validating].nunique(),
        "unit": "patient" if source.patients_known or patients[validating].duplicated().any() else "slice",
        **({"folds": FOLDS} if folds else {side: len(slices.rows(side, 0)) for side in ("train", "val")}),
        "slices_without_foreground": int((pixels[:, 1:].sum(axis=1) == 0).sum()),
        "classes": {
            name: {
                "fraction": round(float(pixels[:, label].sum() / pixels.sum()), 6),
                "slices_without": int((pixels[:, label] == 0).sum()),
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
    write_arrays(arrays, images=slices.images, masks=slices.masks)
    with replacing(index) as new:
        slices.index.to_csv(new, index=False, lineterminator="\n")
