"""MedSeg's 9 chest CT volumes (medicalsegmentation.com/covid19) as an external test of its "100 slices", which train.

tr_im.nii.gz and tr_mask.nii.gz as in `cedice.data.sources.medseg_slices`; rp_im.zip and rp_msk.zip with members 1.nii.gz to
9.nii.gz, in a folder or not, kept under images/ and masks/. What is to be found is infection (1 ground-glass, 2
consolidation); pleural effusion (3) is background here, for it is no infection. The two collections are of different patients.
"""

import re
from dataclasses import replace
from pathlib import Path

from cedice.data import reading
from cedice.data.cases import Case, Groups, Volume, by_rank, pair
from cedice.data.source import Part
from cedice.data.sources.medseg_slices import FIGSHARE, MedsegSlices
from cedice.errors import CediceError

_GROUPS: Groups = ((0, 3), (1, 2))
_VOLUMES = 9
_MEMBER = re.compile(r"(images|masks)/(?:[^/]+/)*(\d+\.nii\.gz)")


class MedsegVolumes(MedsegSlices):
    """See the module; one case a slice of the 100, which train, and one a volume, which validate."""

    name = "MedSeg, 9 volumes"
    classes = ("background", "infection")
    parts = (
        *MedsegSlices.parts,
        Part(("rp_im.zip", "rp_im"), f"{FIGSHARE}/25954007", folder="images/"),
        Part(("rp_msk.zip", "rp_msk"), f"{FIGSHARE}/25954013", folder="masks/"),
    )
    advice = "put tr_im.nii.gz, tr_mask.nii.gz, rp_im.zip and rp_msk.zip"
    split = "9 volumes of other patients than those of the 100 slices that it was trained on"
    limits = (
        "No clinical use: it was made to compare two loss functions.",
        "Trained on 100 slices that all show disease: it has seen no healthy lung.",
        "Of a CT volume every slice is judged alone.",
    )
    patients_known = True  # those that validate

    def canonical(self, name: str) -> str | None:
        match = _MEMBER.fullmatch(name)
        return f"{match[1]}/{match[2]}" if match else super().canonical(name)

    def verify(self, root: Path) -> None:
        """No hash of the archives is known to us; the numbers of slices and volumes are held."""
        super().verify(root)
        if (number := len(self._volumes(root))) != _VOLUMES:
            raise CediceError(f"{self.name}: {number} volumes, but there are {_VOLUMES}; get rp_im.zip and rp_msk.zip again")

    def cases(self, root: Path) -> list[Case]:
        return [replace(case, official_split="train") for case in self.planes(root)] + self._volumes(root)

    def _volumes(self, root: Path) -> list[Case]:
        images, masks = (
            {f"volume{int(path.name.removesuffix('.nii.gz')):02d}": path for path in (root / kind).glob("*.nii.gz")}
            for kind in ("images", "masks")
        )
        pairs = pair(images, masks, self.name)
        ranks = by_rank(volume for volume, _, _ in pairs)
        return [Case(volume, volume, "", ranks[volume], "val", image, mask) for volume, image, mask in pairs]

    def read(self, case: Case) -> Volume:
        if case.official_split == "train":
            return self.plane(case, _GROUPS)
        # Voxel for voxel: the collection's headers have not been seen by us.
        return reading.volume(case, self.intensity, _GROUPS, by_header=False)
