"""What every stage says of its study."""

from conftest import ROOT

from cedice import params, paths
from cedice.paths import Training
from cedice.pipeline.stage import Job


def job(study: str, **changes: object) -> Job:
    project = params.load(ROOT / "params.yaml")
    return Job(project.model_copy(update={"run": project.run.model_copy(update=changes)}), study, {})


def test_a_run_says_what_it_left_out_and_how_to_get_it():
    assert job("demo").left_out == [
        "left out: the trainings of small, which need the archives; `make small` runs them",
        "left out: the trainings of paper, which need the archives and a CUDA GPU; `make paper` runs them",
        "left out: the trainings of recipe, which need the archives; `make recipe` runs them",
        "left out: the trainings of outlook, which need the archives; `make outlook` runs them",
        "left out: the trainings of attention, which need the archives; `make attention` runs them",
        "left out: the trainings of transformer, which need the archives; `make transformer` runs them",
    ]  # nothing of `own`, which has no data set yet
    assert [line.split()[5] for line in job("small", studies=["demo", "small"]).left_out[:2]] == ["paper,", "recipe,"]


def test_the_log_calls_a_phantom_synthetic():
    assert job("demo").title("ACDC") == "ACDC phantom (synthetic)"
    assert job("small").title("ACDC") == "ACDC"


def test_reports_are_of_the_data_sets_that_have_counts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    named = tuple(job("recipe").settings.epochs)
    assert (job("recipe").datasets, job("recipe").untrained) == (named, ())  # the first file that lacks is then told
    (paths.reports("recipe") / "counts/acdc").mkdir(parents=True)  # an empty folder says nothing
    counts = paths.counts(Training("recipe", "covid19", "ce", 0), "last")
    counts.parent.mkdir()
    counts.touch()
    assert job("recipe").datasets == ("covid19",)
    assert job("recipe").untrained == tuple(name for name in named if name != "covid19")
    assert {training.dataset for training in job("recipe").trainings} == {"covid19"}


def test_a_training_without_slices_names_the_stage_that_makes_them(project, stage):
    line = stage("train", "--study", "demo", "--dataset", "acdc", "--loss", "ce", "--seed", "0")
    assert line == "error: data/demo/slices/acdc.npz: not there; run the preprocess stage first"
