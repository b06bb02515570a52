"""Damaged images are read right or refused in one line, each of the corpus."""

import damaged
import pytest

FAULTS = [(dataset, fault) for dataset, (_, faults) in damaged.KINDS.items() for fault in faults]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    root = tmp_path_factory.mktemp("sound")
    return {dataset: damaged.sound(dataset, root / dataset) for dataset in damaged.KINDS}


@pytest.mark.parametrize(("dataset", "fault"), FAULTS, ids=[f"{dataset}: {fault}" for dataset, fault in FAULTS])
def test_a_fault_is_handled_or_named(whole, tmp_path, dataset, fault):
    expected = damaged.KINDS[dataset][1][fault]
    said = damaged.answer(dataset, fault, whole[dataset], tmp_path / "raw")
    assert (expected.refused or "read right") in said
    assert "\n" not in said
