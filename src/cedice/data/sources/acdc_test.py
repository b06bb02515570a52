"""ACDC with its 50 test patients as an external test set: all 100 training patients train, 101 to 150 validate.

Layout as in `cedice.data.sources.acdc`, with database/testing/ beside database/training/. Only the training
patients' labels can be held against a manifest; of the test patients, their number.
"""

from dataclasses import replace
from pathlib import Path

from cedice.data.cases import Case
from cedice.data.sources.acdc import Acdc, canonical_in
from cedice.errors import CediceError

_TESTED = tuple(f"patient{number}" for number in range(101, 151))


class AcdcTest(Acdc):
    """See the module; one case a labelled frame."""

    name = "ACDC with its test set"
    split = "the 50 official test patients, on whom nothing was chosen"
    facts = None

    def canonical(self, name: str) -> str | None:
        return canonical_in("training|testing", name)

    def verify(self, root: Path) -> None:
        """The training patients as `Acdc.verify`; and two labelled frames of each test patient."""
        super().verify(root)
        tested = [case.patient for case in self.cases(root) if case.official_split == "val"]
        for patient in _TESTED:
            if (number := tested.count(patient)) != 2:
                advice = "get the archive with the test patients"
                raise CediceError(f"{self.name}: {number} labelled frames of {patient}, not 2; {advice}")

    def cases(self, root: Path) -> list[Case]:
        sides = {"train": "training", "val": "testing"}
        return [replace(case, official_split=split) for split, folder in sides.items() for case in self.cases_in(root, folder)]
