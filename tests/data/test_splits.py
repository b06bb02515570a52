"""Splits: deterministic, complete, disjoint."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cedice.data import splits
from cedice.errors import CediceError


@given(st.lists(st.integers(1, 200), min_size=1, max_size=300))
def test_by_patient_never_shares_a_patient(numbers):
    numbers = [*numbers, 1, 5]  # at least one on each side
    found = splits.by_patient(numbers)
    sides = [{number for number, split in zip(numbers, found, strict=True) if split == side} for side in ("train", "val")]
    assert not sides[0] & sides[1]
    assert all(number % 5 == 0 for number in sides[1])
    splits.assert_disjoint([str(number) for number in numbers], found)


def test_acdc_keeps_four_of_each_diagnosis():
    found = splits.by_patient(range(1, 101))
    assert found.count("val") == 20
    assert all(found[start : start + 20].count("val") == 4 for start in range(0, 100, 20))


def test_folds_by_number_begin_with_the_split_by_patient():
    folds = splits.by_number(range(1, 101))
    assert ["val" if fold == 0 else "train" for fold in folds] == splits.by_patient(range(1, 101))
    assert all(folds[start : start + 20].count(fold) == 4 for start in range(0, 100, 20) for fold in range(5))


def test_the_folds_of_nnunet_are_its_published_list():
    patients = [f"patient{number:03d}" for number in range(100, 0, -1) for _ in range(2)]
    folds = splits.as_nnunet(patients)
    first = [int(patient[-3:]) for patient, fold in zip(patients, folds, strict=True) if fold == 0]
    assert sorted(set(first)) == [5, 7, 10, 20, 22, 27, 32, 34, 41, 46, 47, 51, 53, 59, 68, 69, 73, 75, 77, 88]
    assert sorted(map(folds.count, range(5))) == [40] * 5
    assert len(set(zip(patients, folds, strict=True))) == 100


def test_too_few_patients_for_folds_are_refused():
    with pytest.raises(CediceError, match="no patient for fold 4 of 5"):
        splits.by_number([5, 1, 2, 3])
    with pytest.raises(CediceError, match="no patient for fold 3 of 5"):
        splits.as_nnunet(["a", "b", "c"])


def test_by_slice_takes_every_fifth():
    assert splits.by_slice(10) == ["train"] * 4 + ["val"] + ["train"] * 4 + ["val"]


def test_one_side_empty_is_refused():
    with pytest.raises(CediceError, match="none for val"):
        splits.by_patient([1, 2, 3])
    with pytest.raises(CediceError, match="none for train"):
        splits.by_patient([5])


def test_leak_is_refused():
    with pytest.raises(CediceError, match="patient b is in both halves"):
        splits.assert_disjoint(["a", "b", "b"], ["train", "val", "train"])
