"""What `make own` and its like find lacking in a record, before DVC starts."""

import json
import shutil
from pathlib import Path

import pytest
from conftest import ROOT

from cedice import machine, params, paths
from cedice.errors import CediceError
from cedice.pipeline import processes, repro


@pytest.fixture
def recorded(tmp_path, monkeypatch):
    """A project with the record of study `small`, and of no other, as the current folder."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    shutil.copytree(ROOT / "reports/small/record", tmp_path / "reports/small/record")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_data_set_that_was_obtained_anew_and_is_another_is_trained_anew_as_a_whole(recorded):
    project = params.load()
    assert repro.missing(project, "small") == []
    obtained = paths.source("small", "covid19")
    obtained.parent.mkdir(parents=True)
    then = json.loads((paths.record("small") / "covid19/data.json").read_text())["source"]
    obtained.write_text(json.dumps(then | {"origin": "another place"}))  # the same bytes
    assert repro.missing(project, "small") == []
    obtained.write_text(json.dumps(then | {"sha256": "0" * 64}))
    everything = repro.Group(["covid19"], list(params.LOSSES), project.small.seeds_of("covid19"))
    assert repro.missing(project, "small") == [everything]


def test_a_study_that_needs_a_gpu_stops_before_dvc_starts(recorded, monkeypatch):
    if machine.gpu():
        pytest.skip("this machine has a GPU")
    monkeypatch.delenv("CEDICE_WITHOUT_GPU", raising=False)
    monkeypatch.setattr(processes, "repro", lambda *_: pytest.fail("DVC was started"))
    with pytest.raises(CediceError, match="study paper needs a CUDA GPU and this machine has none"):
        repro.repro("paper", 1)  # it has no record here
    assert not Path("data").exists()
    assert not list(Path("reports").glob("*/dvc.yaml"))
