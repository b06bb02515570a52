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
