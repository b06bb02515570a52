"""ACDC cardiac cine MRI (Bernard et al., IEEE TMI 37(11), 2018, doi 10.1109/TMI.2018.2837502).

100 training patients with two labelled frames each (end diastole and end systole). In the archive, with or without the
folder ACDC/ on top: database/training/patientNNN/{Info.cfg, patientNNN_frameMM.nii.gz, patientNNN_frameMM_gt.nii.gz};
the 4-D series may be there and are not used, nor are the test patients (but by `cedice.data.sources.acdc_test`).

acdc-spacing.csv has the voxel sizes of the official headers, in mm, of all 150 patients (in plane, and from slice to slice:
thickness plus gap), for copies whose headers were lost; taken from a public table of them in the project CardiacMotionFlow by
Q. Zheng.
"""

import csv
import hashlib
import re
from dataclasses import replace
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import nibabel
import numpy as np

from cedice.data import nifti, place, reading
from cedice.data.cases import Case, Facts, Volume, hold_against, pair, to_labels
from cedice.data.intensity import Intensity
from cedice.data.source import Part, Source
from cedice.errors import CediceError

_MEMBER = r"(?:ACDC/)?(database/(?:{folders})/(patient\d{{3}})/(?:Info\.cfg|\2_frame\d{{2}}(?:_gt)?\.nii\.gz))"
GROUPS = ((0,), (1,), (2,), (3,))


class Acdc(Source):
    """See the module; one case a labelled frame."""

    name = "ACDC"
    classes = ("background", "right ventricle", "myocardium", "left ventricle")
    intensity = Intensity("percentiles", 0.5, 99.5)
    parts = (
        Part(
            ("acdc*.zip", "acdc*.tar*", "acdc*.tgz", "acdc", "database.zip", "database"),
            "https://humanheart-project.creatis.insa-lyon.fr/database/api/v1/collection/637218c173e9f0047faa00fb/download",
        ),
    )
    advice = "put the official archive as acdc.zip (or unpacked as ACDC/)"
    citation = "Bernard et al., IEEE TMI 37(11):2514–2525, 2018, doi 10.1109/TMI.2018.2837502."
    licence = "For research, non-commercial use."
    split = "patients whose number is divisible by five"
    limits = (
        "No clinical use: it was made to compare two loss functions.",
        "Trained on short-axis cine MRI from one hospital, and on a copy whose intensities were clipped at the 99th "
        "percentile.",
        "Every slice is judged alone: labels may be anatomically impossible, most of all at base and apex.",
    )
    facts: Facts | None = Facts(slices=1902, slices_without=(0, 344, 74, 94), fractions=(0.96193, 0.01263, 0.01272, 0.01272))
    patients_known = True
    nnunet_folds = True

    def canonical(self, name: str) -> str | None:
        return canonical_in("training", name)

    def verify(self, root: Path) -> None:
        """Hold every label volume against the manifest: by a hash of shape and voxels, so that it does not matter how an
        archive was packed, or its images re-scaled."""
        table = (files("cedice.data.sources") / "acdc-labels.csv").read_text(encoding="utf-8")
        expected = {row["path"]: row["sha256"] for row in csv.DictReader(table.splitlines())}
        hold_against(expected, lambda path: label_sha256(root / path), self.name, root)
        for case in self.cases(root):
            check_size(case)

    def cases(self, root: Path) -> list[Case]:
        return self.cases_in(root, "training")

    def cases_in(self, root: Path, folder: str) -> list[Case]:
        """The cases of the patients in one folder."""
        volumes = sorted((root / "database" / folder).glob("patient*/patient*_frame*.nii.gz"))
        masks = {path.name.removesuffix("_gt.nii.gz"): path for path in volumes if path.name.endswith("_gt.nii.gz")}
        images = {path.name.removesuffix(".nii.gz"): path for path in volumes if not path.name.endswith("_gt.nii.gz")}
        cases = []
        for volume, image, mask in pair(images, masks, self.name):
            patient, frame = volume.split("_")
            cases.append(Case(volume, patient, frame, int(patient.removeprefix("patient")), None, image, mask))
        return cases

    def read(self, case: Case) -> Volume:
        return reading.volume(case, self.intensity, GROUPS)

    def sized(self, case: Case, volume: Volume) -> Volume:
        """With the official header's voxel size, where the file has lost its own."""
        return volume if volume.unit == "mm" else replace(volume, spacing=official_size(case.patient), unit="mm")


def canonical_in(folders: str, name: str) -> str | None:
    """As `Acdc.canonical`, for members of one of the ``folders`` ("training|testing")."""
    match = re.fullmatch(_MEMBER.format(folders=folders), name)
    return match[1] if match else None


def official_size(patient: str) -> tuple[float, float, float]:
    """Of a voxel in mm: between slices, between rows, between columns."""
    inplane, between = _sizes()[patient]
    return between, inplane, inplane


def check_size(case: Case) -> None:
    """CediceError where the header of a case's labels states a voxel size in mm that is not the official one."""
    stored = place.of(nibabel.load(case.mask).header)
    if stored.unit == "mm" and stored.spacing is not None:
        official = official_size(case.patient)
        if not np.allclose(stored.spacing[::-1], official, rtol=1e-3, atol=0):
            told = [" × ".join(f"{size:.4g}" for size in sizes) for sizes in (stored.spacing[::-1], official)]
            raise CediceError(
                f"{case.mask}: voxels of {told[0]} mm, but the official ones are {told[1]}; get the archive again"
            )


@lru_cache(maxsize=1)
def _sizes() -> dict[str, tuple[float, float]]:
    table = (files("cedice.data.sources") / "acdc-spacing.csv").read_text(encoding="utf-8")
    return {row["patient"]: (float(row["inplane_mm"]), float(row["slice_mm"])) for row in csv.DictReader(table.splitlines())}


def label_sha256(path: Path) -> str:
    """SHA-256 of "(x, y, z)" and the voxels as uint8 in C order."""
    voxels = to_labels(nifti.read(path).voxels, path, GROUPS)
    return hashlib.sha256(str(voxels.shape).encode() + np.ascontiguousarray(voxels).tobytes()).hexdigest()
