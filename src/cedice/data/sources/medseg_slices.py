"""MedSeg's "100 slices" (medicalsegmentation.com/covid19): axial chest CT slices of more than 40 patients, which are unknown.

Two NIfTI files: tr_im.nii.gz (512×512×100) and tr_mask.nii.gz (0 background, 1 ground-glass, 2 consolidation, 3 pleural
effusion). Each plane is a case and counts as a patient of its own, so statistics over them take more for independent than there
is. COVID-SemiSeg was made of the same slices: never train on one and validate on the other.
"""

from functools import lru_cache
from pathlib import Path

import numpy as np

from cedice.data import nifti
from cedice.data.cases import Case, Groups, Volume, to_labels
from cedice.data.intensity import Intensity
from cedice.data.source import Part, Source
from cedice.errors import CediceError

FIGSHARE = "https://figshare.com/ndownloader/files"
FILES = ("tr_im.nii.gz", "tr_mask.nii.gz")
GROUPS: Groups = ((0,), (1,), (2,), (3,))
_SLICES = 100


class MedsegSlices(Source):
    """See the module; one case a slice."""

    name = "MedSeg, 100 slices"
    classes: tuple[str, ...] = ("background", "ground-glass", "consolidation", "pleural effusion")
    intensity = Intensity("window", -1250, 250)
    parts: tuple[Part, ...] = (
        Part(("tr_im.nii.gz",), f"{FIGSHARE}/25953977"),
        Part(("tr_mask.nii.gz",), f"{FIGSHARE}/25953980"),
    )
    advice = "put tr_im.nii.gz and tr_mask.nii.gz"
    citation = "MedSeg and H. B. Jenssen, COVID-19 CT segmentation dataset, figshare."
    licence = "As its page says when you get it; for research."
    split = "every fifth slice; patients are not known, so some may be on both sides"
    limits = (
        "No clinical use: it was made to compare two loss functions.",
        "Trained on 80 slices that all show disease: it has seen no healthy lung.",
        "Of a CT volume every slice is judged alone.",
    )
    patients_known = False

    def canonical(self, name: str) -> str | None:
        return name if name in FILES else None

    def verify(self, root: Path) -> None:
        """No hash of the files is known to us; their number of slices is held."""
        if (number := len(self.planes(root))) != _SLICES:
            raise CediceError(f"{self.name}: {number} slices, but there are {_SLICES}; get {FILES[0]} again")

    def cases(self, root: Path) -> list[Case]:
        return self.planes(root)

    def planes(self, root: Path) -> list[Case]:
        """One case a slice of the stack."""
        image, mask = (root / name for name in FILES)
        for path in (image, mask):
            if not path.is_file():
                raise CediceError(f"{self.name}: {path.name} is missing; {self.advice}")
        names = [f"slice{number:03d}" for number in range(_stack(image).shape[2])]
        return [Case(name, name, "", number, None, image, mask) for number, name in enumerate(names, start=1)]

    def read(self, case: Case) -> Volume:
        return self.plane(case, GROUPS)

    def plane(self, case: Case, groups: Groups) -> Volume:
        """The plane that the case's name numbers, its mask by ``groups``; image and mask voxel for voxel, whatever the
        headers."""
        image, mask = _stack(case.image, self.intensity), _stack(case.mask)
        if image.shape != mask.shape:
            raise CediceError(f"{case.image}: shape {image.shape} differs from {mask.shape} of its mask {case.mask.name}")
        number = int(case.volume.removeprefix("slice"))
        return Volume(image[:, :, number].T[None], to_labels(mask[:, :, number], case.mask, groups).T[None], None, "")


def _stack(path: Path, intensity: Intensity | None = None) -> np.ndarray:
    """Voxels (x, y, slices), kept from case to case, for all are in one file; scaled as a whole, for the stack says whether it
    was windowed before, and a single slice may hold no air."""
    return _read(path, intensity, path.stat().st_mtime_ns)


@lru_cache(maxsize=3)
def _read(path: Path, intensity: Intensity | None, _modified: int) -> np.ndarray:
    voxels = nifti.read(path).voxels
    return intensity.scale(voxels, path) if intensity else voxels
