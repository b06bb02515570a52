"""Nothing that is read is ever run: no pickle, no unsafe YAML, no shell, and what such a file holds stays asleep."""

import ast
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

CODE = [path for folder in ("src", "stages", "benchmarks", ".ci") for path in sorted((ROOT / folder).rglob("*.py"))]
# Called name → the keyword that makes it safe, None where nothing does.
UNSAFE = {
    "pickle.load": None,
    "pickle.loads": None,
    "pd.read_pickle": None,
    "yaml.load": None,
    "yaml.unsafe_load": None,
    "yaml.full_load": None,
    "eval": None,
    "exec": None,
    "os.system": None,
    "torch.hub.load": None,
    "torch.load": "weights_only",
    "np.load": "allow_pickle",
}


def unsafe_calls(source: str) -> list[str]:
    found = []
    for call in (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)):
        name, keywords = ast.unparse(call.func), {word.arg: ast.unparse(word.value) for word in call.keywords}
        safe = {"weights_only": "True", "allow_pickle": "False"}
        if name in UNSAFE and not (UNSAFE[name] and keywords.get(UNSAFE[name]) == safe[UNSAFE[name]]):
            found.append(name)
        if keywords.get("shell", "False") != "False":
            found.append(f"{name} with a shell")
    return found


@pytest.mark.parametrize("path", CODE, ids=[str(path.relative_to(ROOT)) for path in CODE])
def test_no_call_that_runs_what_it_reads(path):
    assert not unsafe_calls(path.read_text(encoding="utf-8"))


def test_the_search_finds_what_it_is_for():
    text = "yaml.load(f)\nnp.load(f)\nnp.load(f, allow_pickle=False)\ntorch.load(f, weights_only=False)\nrun(a, shell=True)"
    assert unsafe_calls(text) == ["yaml.load", "np.load", "torch.load", "run with a shell"]


class Evil:
    """Unpickled, it writes a file."""

    def __init__(self, mark: Path):
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


@pytest.fixture
def mark(tmp_path):
    path = tmp_path / "mark"
    pickle.loads(pickle.dumps(Evil(path)))
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
