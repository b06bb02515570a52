"""One case's image and mask from its two files, checked and turned the same way, whatever the source."""

import numpy as np

from cedice.datasets import nifti, pictures
from cedice.datasets.cases import Case, Groups, Volume, to_labels
from cedice.errors import CediceError
from cedice.intensity import Intensity

VOLUMES = (".nii", ".nii.gz")


def volume(case: Case, intensity: Intensity, groups: Groups, by_header: bool = True) -> Volume:
    """Two NIfTI files; slices are the planes of the image's first two axes.

    ``by_header``: turn the mask as both headers say, and refuse one that lies elsewhere; else voxel stands for voxel.
    CediceError for whatever is wrong with a file.
    """
    scan, mask = nifti.read(case.image), nifti.read(case.mask)
    voxels = nifti.onto(mask, scan, case.mask) if by_header else mask.voxels
    (dx, dy, dz), labels = scan.spacing, to_labels(voxels, case.mask, groups)
    _check_shapes(scan.voxels, labels, case)
    image = intensity.scale(scan.voxels, case.image)
    return Volume(image.transpose(2, 1, 0), labels.transpose(2, 1, 0), (dz, dy, dx), scan.unit)


def picture(case: Case, intensity: Intensity, groups: Groups) -> Volume:
    """Two grey images (of the mask also 1 bit, or a palette, whose numbers count) as a volume of one slice.

    CediceError for whatever is wrong with a file.
    """
    image, mask = pictures.read(case.image), pictures.read(case.mask, labels=True)
    _check_shapes(image, mask, case)
    return Volume(intensity.scale(image, case.image)[None], to_labels(mask, case.mask, groups)[None], None, "")


def _check_shapes(image: np.ndarray, mask: np.ndarray, case: Case) -> None:
    if image.shape != mask.shape:
        raise CediceError(f"{case.image}: shape {image.shape} differs from {mask.shape} of its mask {case.mask.name}")
