"""What every source gives: its volumes, and the voxels of one; and the checks that no source may skip."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cedice.errors import CediceError

Groups = tuple[tuple[int, ...], ...]  # of the values in a mask that are label 0, label 1, …
_NONE = 255
_NEAR = 1e-3  # of a whole number
_LABELS = 16  # more values in a mask than that are grey levels, where most are no classes


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
    ``axes``: where the slices' x, y and z point to ("LPS"), "" if unknown; ``warning``: "" or one line about the image;
    ``cut``: the file's axis, 0 to 2, that the slices follow, None of a picture."""

    image: np.ndarray
    mask: np.ndarray
    spacing: tuple[float, float, float] | None
    unit: str
    axes: str = ""
    warning: str = ""
    cut: int | None = None


@dataclass(frozen=True)
class Facts:
    """What is known of a complete data set: its number of slices, how many of them lack each class, and each class's
    share of a slice's pixels (a mean over the slices, met to within ``tolerance`` of the share)."""

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
    """uint8 labels 0, 1, … for the values of the first group, the second, …; values within a thousandth of a whole number, as a
    slope in the header leaves them, are that number. CediceError for any other value, with what it is likely to come of."""
    labels = np.full(mask.shape, _NONE, np.uint8)
    planes = (np.moveaxis(np.atleast_3d(stack), 2, 0) for stack in (mask, labels))  # one by one, for memory's sake
    for plane, into in zip(*planes, strict=True):
        whole = _whole(plane)
        for label, values in enumerate(groups):
            for value in values:
                into[whole == value] = label
    wrong = mask[labels == _NONE]
    if wrong.size:
        known = ", ".join(str(value) for values in groups for value in values)
        raise CediceError(
            f"{path}: {wrong.size} {'voxels' if mask.ndim > 2 else 'pixels'} hold labels outside the classes ({known}), "
            f"the first is {wrong.flat[0]:.6g}; {_remedy(mask, path)}"
        )
    return labels


def _whole(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind != "f":
        return values
    whole = np.rint(values)
    return np.where(np.abs(values - whole) <= _NEAR, whole, values)


def _remedy(mask: np.ndarray, path: Path) -> str:
    """What masks with other values are mostly, and what to do with them."""
    with path.open("rb") as file:
        if file.read(3) == b"\xff\xd8\xff":
            return "a JPEG changes the values that are saved in it; make it anew as PNG"
    values = np.unique(_whole(mask))
    if (values % 1 != 0).any():
        return (
            "there are fractions: it was interpolated; resample it with the nearest neighbour, or give labels, no probabilities"
        )
    if len(values) > _LABELS:
        return f"there are {len(values)} values: it was smoothed at its borders; export or resize it with the nearest neighbour"
    listed = ", ".join(f"{value:g}" for value in values)
    return f"it holds {listed}: name each of these under the classes, or export it anew, without smoothing"


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
