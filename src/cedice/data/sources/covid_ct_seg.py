"""COVID-19-CT-Seg (Ma et al., Zenodo 3757476): 20 chest CT volumes, as three data sets by what is to be found in them.

Two flat zips whose members have the same names (coronacases_001.nii.gz …, radiopaedia_4_85506_1.nii.gz …): the images, kept
under images/, and Lung_and_Infection_Mask.zip, kept under masks/: 0 background, 1 left lung, 2 right lung, 3 infection. The
coronacases volumes are in Hounsfield units, the radiopaedia ones windowed to 0–255 already, which `Intensity` tells apart.

radiopaedia_10_85902_1 and _3 are one patient. A name is radiopaedia_<case>_<study>_<series>, so everything of one case is kept
together: the two studies of case 29 may be one patient too.
"""

import re
from pathlib import Path

from cedice.data import reading
from cedice.data.cases import Case, Groups, Volume, by_rank, pair
from cedice.data.intensity import Intensity
from cedice.data.source import Part, Source
from cedice.errors import CediceError

_ZENODO = "https://zenodo.org/records/3757476/files"
_VOLUMES = 20
_MEMBER = re.compile(r"(images|masks)/(?:[^/]+/)?((?:coronacases_\d{3}|radiopaedia_\d+_\d+_\d+)\.nii\.gz)")


class CovidCtSeg(Source):
    """See the module. ``target``: what is to be found; ``groups``: the mask's values of each of the ``classes``."""

    intensity = Intensity("window", -1250, 250)
    parts = (
        Part(
            ("covid-19-ct-seg_20cases.zip", "covid-19-ct-seg_20cases"),
            f"{_ZENODO}/COVID-19-CT-Seg_20cases.zip",
            "a5060480eff9315b069b086312dac4872777901fb80d268a5a83edd9f4e7b440",
            "images/",
        ),
        Part(
            ("lung_and_infection_mask.zip", "lung_and_infection_mask"),
            f"{_ZENODO}/Lung_and_Infection_Mask.zip",
            "34f5a573cb8fb53cb15abe81868395d9addf436854826a6fd6e70c2b294f19c3",
            "masks/",
        ),
    )
    advice = "put COVID-19-CT-Seg_20cases.zip and Lung_and_Infection_Mask.zip"
    citation = "Ma et al., COVID-19-CT-Seg, Zenodo 3757476, doi 10.5281/zenodo.3757476."
    licence = "CC BY 4.0 on Zenodo, CC BY-NC-SA on the authors' page: take the stricter."
    split = "every fifth patient in the order of their names"
    limits = (
        "No clinical use: it was made to compare two loss functions.",
        "Trained on the volumes of a handful of patients, all with COVID-19, from two collections of teaching cases.",
        "Of a CT volume every slice is judged alone.",
    )
    patients_known = True

    def __init__(self, target: str, classes: tuple[str, ...], groups: Groups):
        self.name, self.classes, self._groups = f"COVID-19-CT-Seg, {target}", classes, groups

    def canonical(self, name: str) -> str | None:
        match = _MEMBER.fullmatch(name)
        return f"{match[1]}/{match[2]}" if match else None

    def verify(self, root: Path) -> None:
        """The archives have known hashes; of unpacked folders, the number of volumes."""
        if (number := len(self.cases(root))) != _VOLUMES:
            raise CediceError(f"{self.name}: {number} volumes, but there are {_VOLUMES}; get the archives again")

    def cases(self, root: Path) -> list[Case]:
        images, masks = (
            {path.name.removesuffix(".nii.gz"): path for path in (root / kind).glob("*.nii.gz")} for kind in ("images", "masks")
        )
        pairs = pair(images, masks, self.name)
        ranks = by_rank(_patient(volume) for volume, _, _ in pairs)
        return [Case(volume, _patient(volume), "", ranks[_patient(volume)], None, image, mask) for volume, image, mask in pairs]

    def read(self, case: Case) -> Volume:
        # Voxel for voxel, as the collection is used everywhere; its headers have not been seen by us.
        return reading.volume(case, self.intensity, self._groups, by_header=False)


def _patient(volume: str) -> str:
    return "_".join(volume.split("_")[:2])  # coronacases_001, radiopaedia_10
