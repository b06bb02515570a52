"""COVID-SemiSeg chest CT (Fan et al., IEEE TMI 39(8), 2020, doi 10.1109/TMI.2020.2996645): 98 expert-labelled axial slices.

In the archive, with or without one folder on top: Dataset/TrainingSet/LungInfection-Train/Doctor-label/{Imgs,GT} (50) and
Dataset/TestingSet/LungInfection-Test/{Imgs,GT} (48): 8-bit grey JPG, and PNG masks 0/255 of infection. The same archive
also holds machine-labelled slices, which are no ground truth and not used. Patients are not recoverable: each slice
counts as a patient of its own, so statistics over them take more for independent than there is. The official split is none of
patients: training slices 5 and 17 and test slices 93 and 91 are plainly neighbours in one body.
"""

import csv
import re
from importlib.resources import files
from pathlib import Path

from cedice.data import reading
from cedice.data.cases import Case, Facts, Volume, hold_against, pair
from cedice.data.intensity import Intensity
from cedice.data.source import Part, Source
from cedice.files import sha256

FOLDERS = {"train": "Dataset/TrainingSet/LungInfection-Train/Doctor-label", "val": "Dataset/TestingSet/LungInfection-Test"}
_MEMBER = re.compile(rf"(?:[^/]+/)?((?:{'|'.join(FOLDERS.values())})/(?:Imgs/\d+\.jpg|GT/\d+\.png))")


class Covid19(Source):
    """See the module; one case a slice, the official split (train 50, val 48), 8-bit and windowed by the authors."""

    name = "COVID-SemiSeg"
    classes = ("background", "infection")
    intensity = Intensity("window", -1250, 250)
    parts = (
        Part(
            ("covid-semiseg*.zip", "covid-semiseg*.tar*", "covid-semiseg", "inf-net-*.zip", "dataset.zip", "dataset"),
            "https://github.com/DengPingFan/Inf-Net/archive/fb3a03b5b2f70642fbf2a12cde9e5c41b5ebd28e.zip",
        ),
    )
    advice = "put the authors' repository archive as Inf-Net-fb3a03b.zip (or the bare Dataset/ folder as covid-semiseg.zip)"
    citation = "Fan et al., IEEE TMI 39(8):2626–2637, 2020, doi 10.1109/TMI.2020.2996645."
    licence = "For non-commercial purposes only."
    split = "the official 50 and 48 slices; patients are not known, and at least one is on both sides"
    limits = (
        "No clinical use: it was made to compare two loss functions.",
        "Trained on 50 slices that all show infection, cropped to the lungs: it has seen no healthy lung and no whole chest.",
        "Of a CT volume every slice is judged alone.",
    )
    facts = Facts(slices=98, slices_without=(0, 0), fractions=(0.84817, 0.15183))
    patients_known = False

    def canonical(self, name: str) -> str | None:
        match = _MEMBER.fullmatch(name)
        return match[1] if match else None

    def verify(self, root: Path) -> None:
        """Hold every image and mask against the manifest, by file hash."""
        table = (files("cedice.data.sources") / "covid19-files.csv").read_text(encoding="utf-8")
        expected = {row["path"]: row["sha256"] for row in csv.DictReader(table.splitlines())}
        hold_against(expected, lambda path: sha256(root / path), self.name, root)

    def cases(self, root: Path) -> list[Case]:
        cases = []
        for split, folder in FOLDERS.items():
            # Numbers are padded so that sorting by name is sorting by number.
            images = {f"{split}{int(path.stem):03d}": path for path in (root / folder / "Imgs").glob("*.jpg")}
            masks = {f"{split}{int(path.stem):03d}": path for path in (root / folder / "GT").glob("*.png")}
            for name, image, mask in pair(images, masks, self.name):
                cases.append(Case(name, name, "", int(image.stem), split, image, mask))
        return cases

    def read(self, case: Case) -> Volume:
        return reading.picture(case, self.intensity, ((0,), (255,)))
