"""Which slices train and which validate: deterministic, without random numbers, and never overlapping."""

from collections.abc import Sequence

from cedice.errors import CediceError

VALIDATION_STEP = 5  # one in five: 20 of ACDC's 100 patients, four of each diagnosis


def by_patient(numbers: Sequence[int]) -> list[str]:
    """ "val" for each slice whose patient number is a multiple of five, else "train"; one entry a slice, in order."""
    return complete(["train" if number % VALIDATION_STEP else "val" for number in numbers])


def by_slice(count: int) -> list[str]:
    """ "val" for every fifth of ``count`` slices, so that neighbours in one volume fall on both sides: the leaky split
    that many papers use, here only to measure what it gains."""
    return complete(["val" if position % VALIDATION_STEP == VALIDATION_STEP - 1 else "train" for position in range(count)])


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
