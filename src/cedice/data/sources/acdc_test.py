"""ACDC with its 50 test patients as an external test set: all 100 training patients train, 101 to 150 validate.

Layout as in `cedice.data.sources.acdc`, with database/testing/ beside database/training/. Only the training
patients' labels can be held against a manifest; of the test patients, their number.
"""

from dataclasses import replace
from pathlib import Path

from cedice.data.cases import Case, Volume
from cedice.data.sources import acdc
from cedice.errors import CediceError

NAME = "ACDC with its test set"
CLASSES, INTENSITY, PARTS, ADVICE = acdc.CLASSES, acdc.INTENSITY, acdc.PARTS, acdc.ADVICE
CITATION, LICENCE, LIMITS = acdc.CITATION, acdc.LICENCE, acdc.LIMITS
SPLIT = "the 50 official test patients, on whom nothing was chosen"
FACTS = None
_TESTED = tuple(f"patient{number}" for number in range(101, 151))


def canonical(name: str) -> str | None:
    """See `cedice.data.sources`."""
    return acdc.canonical_in("training|testing", name)


def verify(root: Path) -> None:
    """The training patients as `acdc.verify`; and two labelled frames of each test patient."""
    acdc.verify(root)
    found = [case.patient for case in cases(root) if case.official_split == "val"]
    for patient in _TESTED:
        if found.count(patient) != 2:
            number = found.count(patient)
            raise CediceError(f"{NAME}: {number} labelled frames of {patient}, not 2; get the archive with the test patients")


def cases(root: Path) -> list[Case]:
    """See `cedice.data.sources`: one case a labelled frame."""
    sides = {"train": "training", "val": "testing"}
    return [replace(case, official_split=split) for split, folder in sides.items() for case in acdc.cases_in(root, folder)]


def read(case: Case) -> Volume:
    """See `cedice.data.sources`."""
    return acdc.read(case)
