"""Nothing that is read is ever run: what a malicious file holds stays asleep. (`make lint` finds calls that
would run it, by the rules S and TID251 of ruff.)"""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import ROOT

from cedice import params
from cedice.errors import CediceError
from cedice.files import read_arrays
from cedice.training import weights


class Evil:
    """Unpickled, it writes a file."""

    def __init__(self, mark: Path):
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


@pytest.fixture
def mark(tmp_path):
    path = tmp_path / "mark"
    pickle.loads(pickle.dumps(Evil(path)))  # noqa: S301
    assert path.exists()  # the evil works
    path.unlink()
    return path


def test_a_malicious_array_is_refused_asleep(tmp_path, mark):
    np.savez(tmp_path / "slices.npz", images=np.array([Evil(mark)], dtype=object), masks=np.zeros(1))
    with pytest.raises(CediceError, match=r"slices\.npz: not readable"):
        read_arrays(tmp_path / "slices.npz", "images", "masks")
    assert not mark.exists()


def test_malicious_weights_are_refused_asleep(tmp_path, mark):
    torch.save({"head.weight": Evil(mark)}, tmp_path / "ce.safetensors")
    with pytest.raises(CediceError, match=r"ce\.safetensors: not readable weights"):
        weights.load(tmp_path / "ce.safetensors", torch.device("cpu"), "last")
    assert not mark.exists()


def test_malicious_parameters_are_refused_asleep(tmp_path, mark):
    (tmp_path / "params.yaml").write_text(f"demo: !!python/object/apply:pathlib.Path.touch [{mark}]\n")
    with pytest.raises(CediceError, match=r"params\.yaml, line 1: not valid YAML"):
        params.load(tmp_path / "params.yaml")
    assert not mark.exists()


def test_dvc_reports_nothing_about_its_user():
    config = (ROOT / ".dvc/config").read_text(encoding="utf-8")
    assert "analytics = false" in config
    assert "check_update = false" in config


def test_every_dependency_is_pinned_exactly():
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").split("\n")
    pins = [line for line in lines if line and not line.startswith("#")]
    assert len(pins) > 50
    assert not [line for line in pins if "==" not in line.partition("#")[0]]
