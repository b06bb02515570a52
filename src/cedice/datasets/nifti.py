"""NIfTI files in and out, with a line for whatever is wrong with one."""

import zlib
from pathlib import Path

import nibabel
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError

from cedice.errors import CediceError


def read(path: Path) -> tuple[np.ndarray, tuple[float, float, float], str]:
    """The voxels in the file's own axis order and type (x, y, z), spacing along these axes, and its unit ("mm", "unknown").

    Raises CediceError for a damaged or unreadable file, one that is not 3-D, an empty axis, and NaN or infinite voxels.
    """
    try:
        image = nibabel.Nifti1Image.from_filename(path)
        voxels = np.asanyarray(image.dataobj)
    except (OSError, EOFError, ValueError, zlib.error, ImageFileError, HeaderDataError) as error:
        raise CediceError(f"{path}: not a readable NIfTI file ({' '.join(str(error).split())}); get it again") from error
    if not voxels.size:
        raise CediceError(f"{path}: empty volume {voxels.shape}; get it again")
    if voxels.ndim != 3:
        raise CediceError(
            f"{path}: {voxels.ndim}-D {voxels.shape}, but one 3-D volume a file is needed; split the series first"
        )
    bad = ~np.isfinite(voxels)
    if bad.any():
        slice_number = int(np.argwhere(bad.any(axis=(0, 1)))[0, 0])
        raise CediceError(f"{path}: {bad.sum()} voxels are NaN or infinite, the first in slice {slice_number}; repair the file")
    spacing = tuple(float(size) for size in image.header.get_zooms()[:3])
    return voxels, spacing, image.header.get_xyzt_units()[0]


def write(path: Path, voxels: np.ndarray, spacing: tuple[float, float, float]) -> None:
    """Write (x, y, z) voxels as .nii.gz with ``spacing`` in mm; the same input gives the same bytes."""
    image = nibabel.Nifti1Image(voxels, np.diag([*spacing, 1.0]))
    image.header.set_xyzt_units("mm")
    image.to_filename(path)
