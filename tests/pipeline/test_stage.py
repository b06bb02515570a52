"""What every stage says of its study."""

import json
import shutil

import pytest
from conftest import ROOT

from cedice import params, paths
from cedice.errors import CediceError
from cedice.pipeline.stage import Job


def job(study: str) -> Job:
    return Job(params.load(ROOT / "params.yaml"), study, {})


def test_the_log_calls_a_phantom_synthetic():
    assert job("demo").title("ACDC") == "ACDC phantom (synthetic)"
    assert job("small").title("ACDC") == "ACDC"


def test_reports_are_of_the_data_sets_that_the_record_has(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    record, named = paths.record("recipe"), tuple(job("recipe").settings.epochs)
    with pytest.raises(CediceError, match=f"{record} has no trainings; `make recipe` makes them"):
        assert job("recipe").datasets
    (record / "acdc").mkdir(parents=True)  # an empty folder says nothing
    shutil.copytree(ROOT / record / "covid19", record / "covid19")
    assert job("recipe").datasets == ("covid19",)
    assert job("recipe").untrained == tuple(name for name in named if name != "covid19")
    file = record / "covid19/runs.json"
    file.write_text(json.dumps(json.loads(file.read_text())[:-1]))
    with pytest.raises(CediceError, match=r"record/covid19 lacks recipe covid19 ce_dl seed \d; `make recipe` trains it"):
        assert job("recipe").datasets


def test_a_training_without_slices_names_the_stage_that_makes_them(project, stage):
    line = stage("train", "--study", "demo", "--dataset", "acdc", "--loss", "ce", "--seed", "0")
    assert line == "error: data/demo/slices/acdc.npz: not there; run the preprocess stage first"
