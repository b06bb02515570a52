"""One case's image and mask from its two files, checked and turned the same way, whatever the source."""

from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np

from cedice.data import nifti, pictures, place
from cedice.data.cases import Case, Groups, Volume, to_labels
from cedice.data.intensity import Intensity
from cedice.described import Channel
from cedice.errors import CediceError

VOLUMES = (".nii", ".nii.gz")
KINDS = ", ".join((*VOLUMES, *pictures.SUFFIXES))
_CUBIC_MM = {"mm": 1.0, "meter": 1e9, "micron": 1e-9}


def volume(case: Case, intensity: Intensity, groups: Groups) -> Volume:
    """Two NIfTI files, cut into slices along the axis that `place.slicing_axis` gives of the image. The mask is turned as both
    headers say.

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
    axes, spacing = _cut_last(scan)
    said = scan.remark, mask.remark and f"its mask: {mask.remark}"
    doubts = (scan.warning, *said, place.doubtful_cut(image.shape, scan.spacing), intensity.doubt(scan.voxels))
    slices = nifti.sliced(image, scan.cut), nifti.sliced(labels, scan.cut)
    return Volume(*slices, spacing and spacing[::-1], scan.unit, axes, "; ".join(filter(None, doubts)), scan.cut)


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
    """One file to predict: ``image`` (slices, height, width) as it was stored, cut along the file's axis ``cut`` as training
    cuts it. ``voxel_ml`` is one voxel's volume, None where the file does not say. ``axes``: where the slices' x, y and z point
    to ("LPS"), "" if unknown; ``spacing``: a voxel's edges along these in ``unit``, None if unknown; ``warning``: of the
    file, "" or one line."""

    file: Path
    name: str
    image: np.ndarray
    voxel_ml: float | None
    axes: str = ""
    warning: str = ""
    spacing: tuple[float, float, float] | None = None
    unit: str = "unknown"
    cut: int = 2

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
    image, (axes, spacing) = nifti.sliced(stored.voxels, stored.cut), _cut_last(stored)
    warning = "; ".join(filter(None, (stored.warning, stored.remark)))
    return Scan(path, scan_name(path), image, voxel_ml, axes, warning, spacing, stored.unit, stored.cut)


def _cut_last(stored: nifti.NiftiVolume) -> tuple[str, tuple[float, float, float] | None]:
    """Axes and spacing of a volume's slices: those of the file, the one that it is cut along last."""
    x, y = (axis for axis in range(3) if axis != stored.cut)
    axes = "".join(stored.axes[axis] for axis in (x, y, stored.cut)) if stored.axes else ""
    return axes, stored.spacing and (stored.spacing[x], stored.spacing[y], stored.spacing[stored.cut])


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
