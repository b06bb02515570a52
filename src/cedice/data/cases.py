"""What every source gives: its volumes, and the voxels of one; and the checks that no source may skip."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cedice.errors import CediceError

Groups = tuple[tuple[int, ...], ...]  # of the values in a mask that are label 0, label 1, …
_NONE = 255


@dataclass(frozen=True)
class Case:
    """One labelled volume. ``patient_number`` decides the split unless the source has an ``official_split`` of its own."""

    volume: str
    patient: str
    frame: str  # "" where the source has no time
    patient_number: int
    official_split: str | None  # "train" or "val"
    image: Path
    mask: Path


@dataclass(frozen=True)
class Volume:
    """Voxels of one case: image (slices, height, width) float32 scaled to 0–255 by the source's intensity rule; mask of
    the same shape, uint8 labels; spacing (between slices, between rows, between columns) in ``unit``, None if unknown;
    ``axes``: where the file's x, y and z point to ("LPS"), "" if unknown; ``warning``: "" or one line about the image."""

    image: np.ndarray
    mask: np.ndarray
    spacing: tuple[float, float, float] | None
    unit: str
    axes: str = ""
    warning: str = ""


@dataclass(frozen=True)
class Facts:
    """What is known of a complete data set: its number of slices, how many of them lack each class, and each class's
    share of all pixels (as fractions of the 256×256 slices, met to within ``tolerance`` of the share)."""

    slices: int
    slices_without: tuple[int, ...]
    fractions: tuple[float, ...]
    tolerance: float = 0.02


def pair(images: dict[str, Path], masks: dict[str, Path], source: str) -> list[tuple[str, Path, Path]]:
    """(key, image, mask) sorted by key; CediceError names the first image without a mask, or mask without an image."""
    for key in sorted(images.keys() ^ masks.keys()):
        path, lacking = (images[key], "mask") if key in images else (masks[key], "image")
        raise CediceError(f"{source}: {path} has no {lacking}; add it, or take the file away")
    if not images:
        raise CediceError(f"{source}: no image found; is it the right archive?")
    return [(key, images[key], masks[key]) for key in sorted(images)]


def to_labels(mask: np.ndarray, path: Path, groups: Groups) -> np.ndarray:
    """uint8 labels 0, 1, … for the values of the first group, the second, …; CediceError names the first other value."""
    labels = np.full(mask.shape, _NONE, np.uint8)
    for label, values in enumerate(groups):
        for value in values:
            labels[mask == value] = label
    wrong = mask[labels == _NONE]
    if wrong.size:
        known = ", ".join(str(value) for values in groups for value in values)
        raise CediceError(
            f"{path}: {wrong.size} voxels hold labels outside the classes ({known}), the first is {wrong.flat[0]}"
        )
    return labels


def by_rank(patients: Iterable[str]) -> dict[str, int]:
    """A number for every patient, from 1, in the order of their names: for sources without numbers of their own."""
    return {patient: number for number, patient in enumerate(sorted(set(patients)), start=1)}


def hold_against(expected: dict[str, str], found: Callable[[str], str], source: str, root: Path) -> None:
    """CediceError unless ``found(path)`` gives the expected hash for each relative path; says which file differs or lacks."""
    for path, digest in expected.items():
        if not (root / path).is_file():
            raise CediceError(f"{source}: {path} is missing; the archive is incomplete or another one")
        if found(path) != digest:
            raise CediceError(f"{source}: {path} is not the published one; download the archive again")
