"""Where a NIfTI header says that its voxels lie: their size, the directions of their axes, and the axis that slices follow."""

from dataclasses import dataclass

import nibabel
import numpy as np
from nibabel.spatialimages import HeaderDataError

ORDINALS = ("first", "second", "third")  # of a file's axes
_AGREE = 1e-3  # relative: float32 in both places
_HALFWAY = 0.02  # of an axis of length 1: closer than a degree to the middle of two directions
_RIGHT_ANGLES = 1e-3  # of the volume of a voxel
_THICK = 2  # times the middle edge of a voxel: such a volume was taken in slices, and is never cut across them
_LONGER = 1.2  # times the middle edge: square pixels are not told apart by rounding


@dataclass(frozen=True)
class Place:
    """``affine`` (4, 4) from voxel numbers to space, the first of all ``forms`` that the header states; ``axes``: what the
    three file axes point to, as in "LPS", "" where that is not stated, or halfway; ``spacing`` along them in ``unit`` ("mm",
    "meter", "micron", "unknown"), None where the header is at odds with itself; ``warning``: "" or one line."""

    affine: np.ndarray
    forms: tuple[np.ndarray, ...]
    axes: str
    spacing: tuple[float, float, float] | None
    unit: str
    warning: str


def of(header: nibabel.Nifti1Header) -> Place:
    """The one place where a voxel's size is read: where sform and pixdim disagree, the qform decides, if there is one."""
    sform, qform = header.get_sform(coded=True)[0], _qform(header)
    forms = tuple(form for form in (sform, qform) if form is not None) or (header.get_best_affine(),)
    zooms, unit = tuple(float(size) for size in header.get_zooms()[:3]), _unit(header)
    warning = ""
    if not _agree(forms[0], zooms):
        said, other = f"its sform says voxels of {_size(forms[0])}", " × ".join(f"{size:.4g}" for size in zooms)
        if qform is None or not _agree(qform, zooms):
            warning = f"{said}, its pixdim {other}: the voxel size counts as unknown; repair the header"
            return Place(forms[0], forms, _axes(header, forms[0]), None, "unknown", warning)
        forms = tuple(reversed(forms))
        warning = f"{said}, its qform and pixdim {other}: the latter are taken"
    elif len(forms) == 2 and _codes(forms[0]) != _codes(forms[1]):
        warning = f"its sform says {_codes(forms[0])}, its qform {_codes(forms[1])}: the sform is taken; check left and right"
    affine = forms[0]
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    if abs(abs(np.linalg.det(affine[:3, :3])) / sizes.prod() - 1) > _RIGHT_ANGLES:
        warning = "its axes are not at right angles: the voxel size counts as unknown; resample the volume"
        return Place(affine, forms, _axes(header, affine), None, "unknown", warning)
    # Of a single slice pixdim has no thickness, the affine may.
    spacing = (zooms[0], zooms[1], zooms[2] if len(zooms) > 2 else float(sizes[2]))
    return Place(affine, forms, _axes(header, affine), spacing, unit, warning)


def slicing_axis(shape: tuple[int, ...], spacing: tuple[float, float, float] | None) -> int:
    """The axis, 0 to 2, along which a volume is cut into slices, in training and prediction alike: the one of length 1 (of a
    single slice), else the one along which voxels are thick, else the last."""
    if 1 in shape:
        return shape.index(1)
    thick = thick_axis(spacing)
    return 2 if thick is None else thick


def thick_axis(spacing: tuple[float, float, float] | None, times: float = _THICK) -> int | None:
    """The axis along which voxels are at least ``times`` as long as along any other; None without one."""
    if spacing is None:
        return None
    *_, middle, longest = sorted(spacing)
    return spacing.index(longest) if longest >= times * middle else None


def doubtful_cut(shape: tuple[int, ...], spacing: tuple[float, float, float] | None) -> str:
    """ "" or a line on a volume whose voxels are longest along another axis than the one that it is cut along."""
    cut, longest = slicing_axis(shape, spacing), thick_axis(spacing, _LONGER)
    if 1 in shape or spacing is None or longest is None or longest == cut:
        return ""
    size = " × ".join(f"{edge:.3g}" for edge in spacing)
    return (
        f"cut along its {ORDINALS[cut]} axis, though voxels of {size} are longest along the {ORDINALS[longest]}: "
        "store the axis along which the slices were taken last"
    )


def _unit(header: nibabel.Nifti1Header) -> str:
    try:
        return header.get_xyzt_units()[0]
    except KeyError:  # a number that stands for no unit
        return "unknown"


def _qform(header: nibabel.Nifti1Header) -> np.ndarray | None:
    """None also for a quaternion that is none: the sform may be sound."""
    try:
        qform = header.get_qform(coded=True)[0]
    except (HeaderDataError, ValueError):
        return None
    return qform if qform is not None and sound(qform) else None


def sound(affine: np.ndarray) -> bool:
    """Whether it maps voxels to space at all."""
    return bool(np.isfinite(affine).all()) and abs(np.linalg.det(affine[:3, :3])) >= 1e-12


def _agree(affine: np.ndarray, zooms: tuple[float, ...]) -> bool:
    sizes = np.linalg.norm(affine[:3, :3], axis=0)[: len(zooms)]
    return bool(np.allclose(sizes, zooms, rtol=_AGREE, atol=0))


def _size(affine: np.ndarray) -> str:
    return " × ".join(f"{size:.4g}" for size in np.linalg.norm(affine[:3, :3], axis=0))


def _axes(header: nibabel.Nifti1Header, affine: np.ndarray) -> str:
    """Headers that were lost on the way come back as zeros, or as an identity without a unit. An axis halfway between two
    directions points to neither: rounding would decide."""
    lost = np.array_equal(affine, np.eye(4)) and _unit(header) == "unknown"
    shares = np.sort(np.abs(affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)), axis=0)
    if lost or (header["sform_code"] == 0 and header["qform_code"] == 0) or (shares[2] - shares[1]).min() < _HALFWAY:
        return ""
    return _codes(affine)


def _codes(affine: np.ndarray) -> str:
    return "".join(code or "?" for code in nibabel.aff2axcodes(affine))
