"""The hippocampus in T1-weighted MR (Medical Segmentation Decathlon, Task04; Antonelli et al., Nature Communications 13:4128,
2022, doi 10.1038/s41467-022-30695-9): 260 people, 1 mm, 0 background, 1 anterior, 2 posterior.

In the archive, with or without Task04_Hippocampus/ on top: imagesTr/hippocampus_NNN.nii.gz, and the same in labelsTr/.
The unlabelled test images are not used. Intensities are on very different scales from case to case.
"""

import csv
import hashlib
import re
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import numpy as np

from cedice.data import nifti, reading
from cedice.data.cases import Case, Facts, Volume, by_rank, hold_against, pair, to_labels
from cedice.data.intensity import Intensity
from cedice.data.source import Part, Source

_MEMBER = re.compile(r"(?:Task04_Hippocampus/)?((?:imagesTr|labelsTr)/(hippocampus_\d{3})\.nii\.gz)")
_GROUPS = ((0,), (1,), (2,))


class Hippocampus(Source):
    """See the module; one case a person."""

    name = "Hippocampus"
    classes = ("background", "anterior", "posterior")
    intensity = Intensity("percentiles", 0.5, 99.5)
    parts = (
        Part(
            ("hippocampus*.zip", "task04_hippocampus*.tar*", "task04_hippocampus*.zip", "task04_hippocampus", "hippocampus"),
            "https://msd-for-monai.s3-us-west-2.amazonaws.com/Task04_Hippocampus.tar",
        ),
    )
    advice = "put the Decathlon's archive as Task04_Hippocampus.tar (or unpacked as Task04_Hippocampus/)"
    citation = "Antonelli et al., Nature Communications 13:4128, 2022, doi 10.1038/s41467-022-30695-9."
    licence = "CC BY-SA 4.0."
    split = "every fifth person in the order of the names"
    limits = (
        "No clinical use: it was made to compare two loss functions.",
        "Trained on small boxes of 1 mm that were cut around one hippocampus: it has seen no whole brain.",
        "Of a volume every slice is judged alone.",
    )
    facts = Facts(slices=9270, slices_without=(0, 5571, 4058), fractions=(0.94773, 0.02720, 0.02507))
    patients_known = True

    def canonical(self, name: str) -> str | None:
        match = _MEMBER.fullmatch(name)
        return match[1] if match and match[2] in _published() else None

    def verify(self, root: Path) -> None:
        """Hold every case against the manifest: by a hash of shape, intensities and labels, so that it does not matter how an
        archive was packed."""
        expected = {f"imagesTr/{case}.nii.gz": digest for case, digest in _published().items()}
        paths = {name: (case.image, case.mask) for case in self.cases(root) for name in [f"imagesTr/{case.image.name}"]}
        hold_against(expected, lambda path: _sha256(*paths[path]), self.name, root)

    def cases(self, root: Path) -> list[Case]:
        images, masks = (
            {path.name.removesuffix(".nii.gz"): path for path in (root / folder).glob("*.nii.gz")}
            for folder in ("imagesTr", "labelsTr")
        )
        pairs = pair(images, masks, self.name)
        ranks = by_rank(name for name, _, _ in pairs)
        return [Case(name, name, "", ranks[name], None, image, mask) for name, image, mask in pairs]

    def read(self, case: Case) -> Volume:
        return reading.volume(case, self.intensity, _GROUPS)


@lru_cache(maxsize=1)
def _published() -> dict[str, str]:
    """{case: SHA-256} of the manifest."""
    table = (files("cedice.data.sources") / "hippocampus-cases.csv").read_text(encoding="utf-8")
    return {row["case"]: row["sha256"] for row in csv.DictReader(table.splitlines())}


def _sha256(image: Path, mask: Path) -> str:
    """SHA-256 of "(x, y, z)", the intensities as float32 and the labels as uint8, both in C order."""
    voxels, labels = nifti.read(image).voxels, to_labels(nifti.read(mask).voxels, mask, _GROUPS)
    digest = hashlib.sha256(str(voxels.shape).encode())
    digest.update(np.ascontiguousarray(voxels, np.float32).tobytes())
    digest.update(np.ascontiguousarray(labels).tobytes())
    return digest.hexdigest()
