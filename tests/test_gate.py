"""The gate itself: a committed result, parameter or line of code changed by hand does not pass."""

import importlib.util
import subprocess

import pytest
from conftest import ROOT

SPEC = importlib.util.spec_from_file_location("gate", ROOT / ".ci" / "gate.py")
gate = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(gate)


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gate") / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    return folder


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("reports/small/metrics.json", '"dice": 0.9', '"dice": 0.8'),
        ("reports/small/counts/acdc/ce-seed0.csv", ",0,", ",1,"),
        ("reports/small/runs/covid19/ce_dl-seed0.json", '"device": "', '"device": "better '),
        ("src/cedice/losses.py", "1 - 2 * overlap", "1 - 3 * overlap"),
        ("params.yaml", "base_channels: 8", "base_channels: 9"),
    ],
)
def test_a_change_by_hand_is_noticed(clone, path, old, new):
    before = (clone / path).read_text(encoding="utf-8")
    assert old in before
    (clone / path).write_text(before.replace(old, new), encoding="utf-8")
    with pytest.raises(SystemExit, match=r"gate: .*(out of date|failed)"):
        gate.up_to_date(clone, "small", *gate.targets("small"))
    (clone / path).write_text(before, encoding="utf-8")
    gate.up_to_date(clone, "small", *gate.targets("small"))
