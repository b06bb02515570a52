"""What `make STUDY` asks of DVC: the trainings that the study's record lacks."""

import itertools
import json
import shutil
from pathlib import Path

import pytest
import yaml
from conftest import ROOT

from cedice import machine, params, paths
from cedice.errors import CediceError
from cedice.pipeline import lockfile, parts, processes, repro
from cedice.pipeline.parts import Group
from cedice.pipeline.repro import missing

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


def test_a_part_asks_for_its_trainings_alone_and_the_lock_takes_in_what_it_made(recorded, edit_params):
    """In `reports/recipe/part/dvc.yaml` every stage works in the root, with what the lock says of it and of nothing else."""
    edit_params(recorded, {"recipe.seeds": [0, 1]})
    (group,) = lacking()
    lock = paths.reports("recipe") / "dvc.lock"
    trained = {f"train@recipe-covid19-{loss}-{seed}": {"cmd": loss} for loss in params.LOSSES for seed in (0, 1)}
    data, gathered = ({f"{stage}@recipe-covid19": {"cmd": stage}} for stage in ("preprocess", "gather"))
    lockfile.write(lock, trained | data | gathered)
    with parts.part("recipe", group) as place:
        file = Path(place.removesuffix(":"))
        whole = yaml.safe_load(file.read_text())
        assert whole["vars"][0]["run"] == {
            "studies": ["recipe"],
            "datasets": ["covid19"],
            "losses": ["ce", "ce_dl"],
            "seeds": [1],
            "mixtures": [],
        }
        assert list(whole["stages"]) == ["download", "preprocess", "train", "evaluate"]
        for stage in whole["stages"].values():
            assert (file.parent / stage["wdir"]).resolve() == recorded
        ours = {stage: entry for stage, entry in trained.items() if stage.endswith("-1")}
        assert lockfile.read(file.parent / "dvc.lock") == ours | data
        made = {stage: {"cmd": "made"} for stage in ours}
        lockfile.write(file.parent / "dvc.lock", made | data)
    assert not file.parent.exists()
    assert lockfile.read(lock) == trained | data | gathered | made


@pytest.mark.parametrize("content", ["schema: '2.0'\nstages:\n  a:\n    cmd: x\n", "stages:\n  a: [", None])
def test_what_a_killed_run_left_is_taken_in_as_far_as_it_is_whole(tmp_path, content):
    folder, lock = tmp_path / "part", tmp_path / "dvc.lock"
    lockfile.write(lock, {"b": {"cmd": "y"}})
    folder.mkdir()
    if content:
        (folder / "dvc.lock").write_text(content)
    parts.take_in(folder)
    whole = content is not None and content.startswith("schema")
    assert lockfile.read(lock) == {"b": {"cmd": "y"}} | ({"a": {"cmd": "x"}} if whole else {})
    assert not folder.exists()


def test_where_the_lock_of_the_study_is_damaged_the_part_stays(tmp_path):
    folder = tmp_path / "part"
    lockfile.write(folder / "dvc.lock", {"a": {"cmd": "x"}})
    (tmp_path / "dvc.lock").write_text("stages:\n  b: [")
    with pytest.raises(CediceError, match="not a lock of DVC"):
        parts.take_in(folder)
    assert lockfile.read(folder / "dvc.lock") == {"a": {"cmd": "x"}}


def test_a_part_has_few_trainings_and_all_parts_have_all():
    whole = Group(["acdc", "covid19"], ["ce", "ce_dl"], [*range(7)])
    few = parts.few([whole], 2)
    assert [len(list(itertools.product(*group))) for group in few] == [8, 8, 8, 4]
    assert sorted(itertools.chain(*(itertools.product(*group) for group in few))) == sorted(itertools.product(*whole))
    assert parts.few([whole], 28) == [whole]


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
