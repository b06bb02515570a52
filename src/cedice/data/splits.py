"""Which slices train and which validate: deterministic and never overlapping."""

from collections.abc import Sequence

import numpy as np

from cedice.data.slices import FOLDS
from cedice.errors import CediceError

VALIDATION_STEP = 5  # one in five: 20 of ACDC's 100 patients, four of each diagnosis
_NNUNET_SEED = 1234


def by_patient(numbers: Sequence[int]) -> list[str]:
    """ "val" for each slice whose patient number is a multiple of five, else "train"; one entry a slice, in order."""
    return complete(["train" if number % VALIDATION_STEP else "val" for number in numbers])


def by_slice(count: int) -> list[str]:
    """ "val" for every fifth of ``count`` slices, so that neighbours in one volume fall on both sides: the leaky split
    that many papers use, here only to measure what it gains."""
    return complete(["val" if position % VALIDATION_STEP == VALIDATION_STEP - 1 else "train" for position in range(count)])


def by_number(numbers: Sequence[int]) -> list[int]:
    """The fold of each slice: its patient's number modulo five, so that fold 0 is what `by_patient` validates; one entry a
    slice, in order. CediceError where a fold has no patient."""
    return _every_fold([number % FOLDS for number in numbers])


def as_nnunet(patients: Sequence[str]) -> list[int]:
    """The fold of each slice in nnU-Net's own list for ACDC (Isensee et al., Nature Methods 18:203–211, 2021): the sorted names
    of the patients in the order of NumPy's legacy generator, of which fold f takes every fifth from f; one entry a slice, in
    order. CediceError where a fold has no patient."""
    names = sorted(set(patients))
    np.random.RandomState(_NNUNET_SEED).shuffle(names)
    folds = {name: position % FOLDS for position, name in enumerate(names)}
    return _every_fold([folds[patient] for patient in patients])


def _every_fold(folds: list[int]) -> list[int]:
    if missing := set(range(FOLDS)) - set(folds):
        raise CediceError(f"split: no patient for fold {min(missing)} of {FOLDS}; more patients are needed, or split: patient")
    return folds


def assert_disjoint(patients: Sequence[str], splits: Sequence[str]) -> None:
    """Raise CediceError if any patient has slices on both sides."""
    sides: dict[str, str] = {}
    for patient, split in zip(patients, splits, strict=True):
        if sides.setdefault(patient, split) != split:
            raise CediceError(f"split: patient {patient} is in both halves; the source's split leaks")


def complete(splits: list[str]) -> list[str]:
    """``splits``; CediceError unless some train and some validate."""
    missing = {"train", "val"} - set(splits)
    if missing:
        raise CediceError(
            f"split: {len(splits)} slices leave none for {' and '.join(sorted(missing))}; more patients are needed"
        )
    return splits
