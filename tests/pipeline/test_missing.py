"""What `make STUDY` asks of DVC: the trainings that the study's record lacks."""

import json
import shutil
from pathlib import Path

import pytest
import yaml
from conftest import ROOT

from cedice import machine, params, paths
from cedice.errors import CediceError
from cedice.pipeline import processes, repro
from cedice.pipeline.repro import Group, missing

RECORD = paths.record("recipe") / "covid19"


@pytest.fixture
def recorded(built, project):
    """`built`, of which only the record of `recipe` is here."""
    shutil.copy(built / "params.yaml", project)
    shutil.copytree(built / RECORD, RECORD)
    return project


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A project with the record of study `small`, and of no other, as the current folder."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    shutil.copytree(ROOT / "reports/small/record", tmp_path / "reports/small/record")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lacking() -> list[Group]:
    return missing(params.load(), "recipe")


def test_a_study_that_has_run_lacks_nothing(recorded):
    assert lacking() == []


def test_another_seed_is_trained_alone(recorded, edit_params):
    edit_params(recorded, {"recipe.seeds": [0, 1, 3]})
    assert lacking() == [Group(["covid19"], ["ce", "ce_dl"], [1, 3])]


def test_a_loss_is_trained_alone(recorded, edit_params):
    edit_params(recorded, {"recipe.seeds": [0, 1]})
    rows = json.loads((RECORD / "runs.json").read_text())
    (RECORD / "runs.json").write_text(json.dumps([row for row in rows if row["loss"] == "ce"]))
    assert lacking() == [Group(["covid19"], ["ce"], [1]), Group(["covid19"], ["ce_dl"], [0, 1])]


def test_another_data_set_is_trained_whole_and_those_that_lack_the_same_come_together(recorded, edit_params):
    edit_params(recorded, {"recipe.epochs.acdc": 3})
    assert lacking() == [Group(["acdc"], ["ce", "ce_dl"], [0])]
    shutil.rmtree(RECORD)
    assert lacking() == [Group(["acdc", "covid19"], ["ce", "ce_dl"], [0])]
    edit_params(recorded, {"recipe.seeds": {"acdc": [0, 1], "covid19": [2]}})
    assert lacking() == [Group(["acdc"], ["ce", "ce_dl"], [0, 1]), Group(["covid19"], ["ce", "ce_dl"], [2])]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("loss.ce_dl.alpha", 0.5),
        ("recipe.train.batch_size", 4),
        ("recipe.epochs.covid19", 3),
        ("recipe.grid.size", 64),
        ("recipe.source.seed", 7),
    ],
)
def test_other_parameters_than_those_of_the_record_are_refused_in_one_line(recorded, edit_params, key, value):
    edit_params(recorded, {key: value, "recipe.seeds": [0, 1]})
    with pytest.raises(CediceError, match=rf"^params\.yaml: {key} is not what made {RECORD}; put it back, or delete") as told:
        lacking()
    assert "\n" not in str(told.value)


def test_parameters_that_decide_no_training_are_free(recorded, edit_params):
    edit_params(recorded, {"margins.dice": 0.02, "demo.train.batch_size": 2, "recipe.seeds": {"covid19": [0]}})
    assert lacking() == []


def test_the_study_of_the_temporary_file_is_asked_for_its_missing_trainings_alone(recorded, edit_params):
    """In `reports/recipe/dvc.yaml` every stage works in the root, and no other study has any."""
    edit_params(recorded, {"recipe.seeds": [0, 1]})
    (group,) = lacking()
    file = paths.reports("recipe") / "dvc.yaml"
    repro._write(file, "recipe", group, [], False)
    whole = yaml.safe_load(file.read_text())
    assert whole["vars"][0]["run"] == {
        "studies": ["recipe"],
        "datasets": ["covid19"],
        "losses": ["ce", "ce_dl"],
        "seeds": [1],
        "mixtures": [],
    }
    assert list(whole["stages"]) == ["download", "preprocess", "train", "evaluate", "gather", "samples"]
    assert {stage["wdir"] for stage in whole["stages"].values()} == {"../.."}


def test_a_study_without_data_is_one_line(project):
    with pytest.raises(CediceError, match=r"own\.epochs names no data set yet; see docs/own-data\.md"):
        repro.repro("own", 1)


def test_a_data_set_that_was_obtained_anew_and_is_another_is_trained_anew_as_a_whole(small):
    project = params.load()
    assert missing(project, "small") == []
    obtained = paths.source("small", "covid19")
    obtained.parent.mkdir(parents=True)
    then = json.loads((paths.record("small") / "covid19/data.json").read_text())["source"]
    obtained.write_text(json.dumps(then | {"origin": "another place"}))  # the same bytes
    assert missing(project, "small") == []
    obtained.write_text(json.dumps(then | {"sha256": "0" * 64}))
    everything = Group(["covid19"], list(params.LOSSES), project.small.seeds_of("covid19"))
    assert missing(project, "small") == [everything]


def test_a_study_that_needs_a_gpu_stops_before_dvc_starts(small, monkeypatch):
    if machine.gpu():
        pytest.skip("this machine has a GPU")
    monkeypatch.delenv("CEDICE_WITHOUT_GPU", raising=False)
    monkeypatch.setattr(processes, "repro", lambda *_: pytest.fail("DVC was started"))
    with pytest.raises(CediceError, match="study paper needs a CUDA GPU and this machine has none"):
        repro.repro("paper", 1)  # it has no record here
    assert not Path("data").exists()
    assert not list(Path("reports").glob("*/dvc.yaml"))
