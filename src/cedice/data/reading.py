"""One case's image and mask from its two files, checked and turned the same way, whatever the source."""

from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np

from cedice.data import nifti, pictures
from cedice.data.cases import Case, Groups, Volume, to_labels
from cedice.data.intensity import Intensity
from cedice.described import Channel
from cedice.errors import CediceError

VOLUMES = (".nii", ".nii.gz")
KINDS = ", ".join((*VOLUMES, *pictures.SUFFIXES))
_CUBIC_MM = {"mm": 1.0, "meter": 1e9, "micron": 1e-9}


def volume(case: Case, intensity: Intensity, groups: Groups) -> Volume:
    """Two NIfTI files; slices are the planes of the image's first two axes. The mask is turned as both headers say.

    CediceError for whatever is wrong with a file, and for a mask that lies elsewhere.
    """
    if not is_volume(case.mask):
        raise CediceError(
            f"{case.mask}: a picture, but its image {case.image.name} is a volume; save the mask as NIfTI on the image's grid"
        )
    scan, mask = nifti.read(case.image), nifti.read(case.mask)
    labels = to_labels(nifti.onto(mask, scan, case.mask), case.mask, groups)
    _check_shapes(scan.voxels, labels, case)
    image = intensity.scale(scan.voxels, case.image)
    spacing = None if scan.spacing is None else (scan.spacing[2], scan.spacing[1], scan.spacing[0])
    warning = "; ".join(filter(None, (scan.warning, intensity.doubt(scan.voxels))))
    return Volume(image.transpose(2, 1, 0), labels.transpose(2, 1, 0), spacing, scan.unit, scan.axes, warning)


def picture(case: Case, intensity: Intensity, groups: Groups, channel: Channel | None = None) -> Volume:
    """Two images as a volume of one slice: one channel of the image; the mask's numbers, also those of 1 bit or a palette.

    CediceError for whatever is wrong with a file.
    """
    if is_volume(case.mask):
        raise CediceError(f"{case.mask}: a volume, but its image {case.image.name} is a picture; save the mask as PNG")
    image, mask = pictures.read(case.image, channel), pictures.read_mask(case.mask)
    turns = pictures.turn(case.image), pictures.turn(case.mask)
    if turns[0] != turns[1]:
        raise CediceError(
            f"{case.image}: its EXIF data turn it (orientation {turns[0]}), but not so its mask {case.mask.name} ({turns[1]}); "
            "save both turned, without that tag, or remove it if the mask was drawn on the pixels as they are stored"
        )
    _check_shapes(image, mask, case)
    grey, labels = intensity.scale(image, case.image), to_labels(mask, case.mask, groups)
    return Volume(grey[None], labels[None], None, "", warning=intensity.doubt(image))


def _check_shapes(image: np.ndarray, mask: np.ndarray, case: Case) -> None:
    if image.shape != mask.shape:
        differ = f"shape {image.shape} differs from {mask.shape} of its mask {case.mask.name}"
        raise CediceError(f"{case.image}: {differ}; resample the mask onto the image's grid with the nearest neighbour")


@dataclass(frozen=True)
class Scan:
    """One file to predict: ``image`` (slices, height, width) as it was stored; of a volume, a slice is a plane of the file's
    first two axes, as in training. ``voxel_ml`` is one voxel's volume and ``spacing`` its edges (x, y, z) in ``unit``, None
    where the file does not say; ``axes``: where the file's x, y and z point to ("LPS"), "" if unknown; ``warning``: of the
    header, "" or one line."""

    file: Path
    name: str
    image: np.ndarray
    voxel_ml: float | None
    axes: str = ""
    warning: str = ""
    spacing: tuple[float, float, float] | None = None
    unit: str = "unknown"

    @property
    def is_volume(self) -> bool:
        return is_volume(self.file)


def scan(path: Path, channel: Channel | None = None) -> Scan:
    """One file to predict, of a colour image the ``channel``; CediceError for whatever is wrong with the file."""
    if not is_volume(path):
        return Scan(path, scan_name(path), pictures.read(path, channel)[None], None)
    stored = nifti.read(path)
    unit = _CUBIC_MM.get(stored.unit)
    voxel_ml = prod(stored.spacing) * unit / 1000 if unit and stored.spacing else None
    image = stored.voxels.transpose(2, 1, 0)
    return Scan(path, scan_name(path), image, voxel_ml, stored.axes, stored.warning, stored.spacing, stored.unit)


def is_scan(path: Path) -> bool:
    """Whether a file's name is that of a volume or image that can be read."""
    return path.name.lower().endswith((*VOLUMES, *pictures.SUFFIXES))


def kind(path: Path) -> str:
    """Files that differ in this hold numbers of different types: "volume", or what `pictures.kind` says."""
    return "volume" if is_volume(path) else pictures.kind(path)


def is_volume(path: Path) -> bool:
    """Whether a file's name is that of a NIfTI file."""
    return path.name.lower().endswith(VOLUMES)


def scan_name(path: Path) -> str:
    """A file's name without its suffix, .nii.gz being one."""
    return path.name[: path.name.lower().rindex(".nii")] if is_volume(path) else path.stem
