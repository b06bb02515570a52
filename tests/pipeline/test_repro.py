"""The pipeline as a user runs it: from nothing to Table 1 and the figures, then only what a change asks for."""

import gzip
import io
import json
import random
import re
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import interrupt
import pandas as pd
import psutil
import pytest
import yaml
from conftest import ROOT
from project import ENVIRONMENT, FIGURES, commit, make, prepare, run, running, state

from cedice import params, paths
from cedice.analysis import experiments
from cedice.evaluation import record
from cedice.paths import Training
from cedice.pipeline import verify

RECIPE, METRICS = Path("reports/recipe"), Path("reports/demo/metrics.json")


def begin(folder: Path, study: str = "recipe") -> subprocess.Popen:
    """`make STUDY`, in a process group of its own."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(make(study), cwd=folder, env=ENVIRONMENT, start_new_session=True, **pipes)


def until(process: subprocess.Popen, words: str) -> str:
    """What the process says up to a line with these words."""
    said = ""
    for line in process.stdout:
        said += line
        if words in line:
            return said
    raise AssertionError(f"it ended before it said {words!r}:\n{said}")


def of(folder: Path) -> list[psutil.Process]:
    """The processes that work in the folder."""
    there = []
    for process in psutil.process_iter(["cwd"]):
        if process.info["cwd"] == str(folder) and process.pid != psutil.Process().pid:
            there.append(process)
    return there


def changed(folder: Path) -> set[str]:
    """The tracked files that are not as they were committed."""
    return set(run(folder, "git", "diff", "--name-only").split())


def trainings(folder: Path) -> list[tuple[str, int]]:
    return [(row["loss"], row["seed"]) for row in record.runs(folder / paths.record("recipe"), "covid19")]


def test_everything_is_made_from_nothing(built):
    found = json.loads((built / "reports/demo/metrics.json").read_text())
    assert set(found) == {"covid19"}
    assert all(0 <= found["covid19"][loss] <= 1 for loss in params.LOSSES)
    assert "not comparable" in (built / "reports/demo/tables/table1.md").read_text()
    assert sorted(path.name for path in (built / "reports/demo/figures").iterdir()) == FIGURES
    assert (built / "reports/demo/figure1.png").is_file()
    assert sorted(path.name for path in (built / "reports/demo/samples").iterdir()) == ["figure2.jpg", "figure3.jpg"]
    row = record.runs(built / paths.record("demo"), "covid19")[0]
    assert {"device", "versions", "wall_seconds", "revision", "data_sha256", "settings", "weights_md5"} <= set(row)
    assert row["revision"] == run(built, "git", "rev-parse", "HEAD^").strip()
    for study in ("demo", "recipe"):
        assert (built / paths.reports(study) / "index.html").is_file()
        assert {"table1.md", "verdict.md"} <= {path.name for path in (built / paths.tables(study)).iterdir()}
    assert not list(built.rglob("*.part"))


def test_a_study_that_make_runs_keeps_its_lock_beside_its_record_and_none_in_the_root(built):
    own, root = (yaml.safe_load((built / file).read_text())["stages"] for file in (RECIPE / "dvc.lock", "dvc.lock"))
    name = "covid19-ce_dl-0"
    assert {f"train@recipe-{name}", f"evaluate@recipe-{name}", "gather@recipe-covid19", "samples@recipe"} <= own.keys()
    assert {f"train@demo-{name}", "gather@demo-covid19", "plot@demo", "plot@recipe"} <= root.keys()
    assert not [stage for stage in root if stage.startswith(("train@recipe", "gather@recipe"))]
    assert not (built / RECIPE / "dvc.yaml").exists()
    assert changed(built) == set()


def test_nothing_that_is_written_names_the_machine_or_a_place_on_it(built):
    names = [str(built).encode(), str(Path.home()).encode() + b"/", socket.gethostname().encode()]
    for path in (path for top in ("data", "models", "reports") for path in (built / top).rglob("*") if path.is_file()):
        content = path.read_bytes()
        if path.suffix == ".gz":
            assert content[4:8] == bytes(4)  # no time
            content += gzip.decompress(content)
        elif path.suffix == ".npz":
            with zipfile.ZipFile(path) as arrays:
                content += b"".join(arrays.read(name) for name in arrays.namelist())
        assert not [name for name in names if len(name) > 3 and name in content], path


CHANGES = [
    ({}, set()),
    ({"loss.ce_dl.alpha": 0.5}, {"train@demo-covid19-ce_dl-0"}),
    ({"demo.seeds": [0, 3], "run.seeds": [0, 3]}, {f"train@demo-covid19-{loss}-3" for loss in params.LOSSES}),
]


@pytest.mark.parametrize(("changes", "trained"), CHANGES, ids=["nothing", "alpha", "a seed"])
def test_a_change_trains_what_it_concerns_alone(ran, edit_params, changes, trained):
    edit_params(ran, changes)
    stages = running(run(ran, "dvc", "repro", "--dry", "train" if "run.seeds" in changes else "plot@demo"))
    assert {stage for stage in stages if stage.startswith("train")} == trained
    assert bool(stages) == bool(changes)
    assert not [stage for stage in stages if stage.startswith(("download", "preprocess"))]


@pytest.mark.slow
def test_make_twice_at_once_the_second_waits_and_another_seed_is_trained_once(ran, edit_params):
    edit_params(ran, {"recipe.seeds": [0, 1]})
    before = (ran / "params.yaml").read_bytes()
    rows = (ran / RECIPE / "record/covid19/history.csv").read_text().splitlines()
    processes = [begin(ran), begin(ran)]
    said = [process.communicate(timeout=600)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert sum("waiting for ., where make recipe, process " in text for text in said) == 1
    ran_stages = [running(text) for text in said]
    assert {stage for stage in ran_stages[0] | ran_stages[1] if stage.startswith("train")} == {
        f"train@recipe-covid19-{loss}-1" for loss in params.LOSSES
    }
    assert not ran_stages[0] & ran_stages[1]
    assert trainings(ran) == [("ce", 0), ("ce", 1), ("ce_dl", 0), ("ce_dl", 1)]
    after = (ran / RECIPE / "record/covid19/history.csv").read_text().splitlines()
    assert [row for row in after if not row.startswith(("ce,1,", "ce_dl,1,"))] == rows
    assert (ran / "params.yaml").read_bytes() == before
    assert changed(ran) - {"params.yaml", "dvc.lock"} and all(
        path.startswith("reports/recipe/") for path in changed(ran) - {"params.yaml", "dvc.lock"}
    )
    assert not (ran / RECIPE / "dvc.yaml").exists()
    heard: list[str] = []
    assert verify.locked(ran, RECIPE, heard.append) == []
    assert heard[-1] == f"{RECIPE}: the lock names the code of the revisions that trained, 4 trainings"


@pytest.mark.slow
def test_killed_in_the_midst_tracked_files_are_whole_and_the_next_run_heals(ran, edit_params):
    edit_params(ran, {"recipe.seeds": [0, 1], "recipe.epochs.covid19": 20})
    (ran / RECIPE / "record").rename(ran / "elsewhere")  # trained anew, as the line about other parameters says
    commit(ran, "A longer recipe")
    process = begin(ran)
    until(process, "epoch 1/20")
    process.kill()
    process.wait()
    assert changed(ran) <= {str(RECIPE / "dvc.lock")}
    for file in ("params.yaml", "dvc.lock", RECIPE / "dvc.lock"):
        assert yaml.safe_load((ran / file).read_text())
    after = [begin(ran), begin(ran)]  # what the killed one had started may still work: they wait for it
    said = [each.communicate(timeout=900)[0] for each in after]
    assert [each.returncode for each in after] == [0, 0], said
    assert not (ran / RECIPE / "dvc.yaml").exists()
    assert trainings(ran) == [("ce", 0), ("ce", 1), ("ce_dl", 0), ("ce_dl", 1)]
    assert verify.locked(ran, RECIPE, lambda line: None) == []
    assert not list(ran.rglob("*.part"))
    assert not of(ran)


@pytest.mark.slow
def test_a_signal_to_make_leaves_no_process_and_the_next_run_goes_on(ran, edit_params):
    edit_params(ran, {"recipe.seeds": [0, 1], "recipe.epochs.covid19": 20})
    (ran / RECIPE / "record").rename(ran / "elsewhere")
    commit(ran, "A longer recipe")
    for number in ("TERM", "INT"):
        process = begin(ran)
        training = set[str]()  # both: a process that still imports knows of no signal yet
        while len(training) < 2:
            training.add(re.search(r"\w+ seed \d", until(process, "epoch ").splitlines()[-1])[0])
        subprocess.run(["kill", f"-{number}", str(process.pid)], check=True)
        said = process.communicate(timeout=120)[0]
        assert process.returncode, said
        assert "Traceback" not in said
        assert not of(ran)
        assert changed(ran) <= {str(RECIPE / "dvc.lock")}
        assert not (ran / RECIPE / "dvc.yaml").exists()
    process = begin(ran)
    said = process.communicate(timeout=900)[0]
    assert process.returncode == 0, said
    assert trainings(ran) == [("ce", 0), ("ce", 1), ("ce_dl", 0), ("ce_dl", 1)]


@pytest.mark.slow
def test_killed_at_random_it_ends_in_the_same_bytes(built, tmp_path):
    """In another folder, so this is also the test that the same inputs give the same bytes."""
    folder = prepare(tmp_path / "disturbed")
    hit, output = interrupt.disturb(folder, 2, 9, random.Random(1))
    assert len(hit) == 2, output
    of_the_demo = {path: digest for path, digest in state(built).items() if "/recipe/" not in path}
    assert {path: digest for path, digest in state(folder).items() if "/recipe/" not in path} == of_the_demo
    assert not list(folder.rglob("*.part"))


def test_a_sweep_of_alpha_is_shown_kept_loaded_and_verified(ran):
    """`dvc exp run`, then what DVC and this project say of it."""
    out = run(ran, "dvc", "exp", "run", "--name", "alone", "-S", "loss.ce_dl.alpha=1000000", "table@demo")
    assert {stage for stage in running(out) if stage.startswith("train")} == {"train@demo-covid19-ce_dl-0"}
    difference = json.loads(run(ran, "dvc", "metrics", "diff", "--all", "--json"))["reports/demo/metrics.json"]
    old, new = (json.loads(run(ran, "git", "show", "HEAD:reports/demo/metrics.json")), json.loads(METRICS.read_text()))
    for name, values in difference.items():
        dataset, value = name.split(".")
        assert (values["old"], values["new"]) == (old[dataset][value], new[dataset][value])
    assert set(difference) == {"covid19.ce", "covid19.ce_dl", "covid19.gain"}
    shown = (
        pd.read_csv(io.StringIO(run(ran, "dvc", "exp", "show", "--csv"))).dropna(subset=["Experiment"]).set_index("Experiment")
    )
    assert shown.loc["alone", "loss.ce_dl.alpha"] == 1e6
    assert pd.notna(shown.loc["alone", "covid19.ce_dl"])
    plotted(ran)

    kept = paths.experiments("demo") / "alone"
    trained = record.by_training(record.load(paths.record("demo"), "counts", ["covid19"]))
    run(ran, "git", "checkout", "-q", ".")
    assert f"{kept} written" in run(ran, sys.executable, "stages/keep.py", "--study", "demo", "--experiment", kept.name)
    files = {path.relative_to(kept).as_posix() for path in kept.rglob("*.*") if path.is_file()}
    tables = ("runs.json", "history.csv", "counts.csv.gz", "thresholds.csv.gz")
    assert files == {"dvc.lock", "params.yaml", *(f"covid19/{name}" for name in tables)}
    for readout in paths.READOUTS:
        (loaded,) = experiments.load("demo", params.load(), readout)
        assert (loaded.name, loaded.changes) == ("alone", {"loss.ce_dl.alpha": 1e6})
        ((key, of_experiment),) = loaded.runs.items()
        assert key == ("covid19", "ce_dl", 0)
        rows = trained[key].query("readout == @readout").drop(columns="readout").reset_index(drop=True)
        pd.testing.assert_frame_equal(of_experiment.counts, rows)
    heard: list[str] = []
    assert verify.locked(ran, kept, heard.append) == []
    assert heard == [
        f"{kept}: the record is the one that its lock names",
        f"{kept}: the lock names the code of the revisions that trained, 1 trainings",
    ]
    history = kept / "covid19/history.csv"
    history.write_text(history.read_text().replace("ce_dl,0,1,", "ce_dl,0,3,", 1))
    assert verify.locked(ran, kept, heard.append) == [f"{kept}/covid19: not what {kept}/dvc.lock names (gather@demo-covid19)"]


def plotted(folder: Path) -> None:
    """The curves that DVC draws: of seed 0, a colour a loss, the same file in every revision."""
    run(folder, "dvc", "plots", "diff", "HEAD")
    page = (folder / "dvc_plots/index.html").read_text(encoding="utf-8")
    decoder = json.JSONDecoder()
    specifications = [decoder.raw_decode(page, found.end())[0] for found in re.finditer("var spec = ", page)]
    curves = [each for each in specifications if each.get("mark", {}).get("type") == "line"]
    (curve,) = curves
    lines = {(row["rev"], row["loss"]) for row in curve["data"]["values"]}
    assert lines == {(revision, loss) for revision in ("HEAD", "workspace") for loss in params.LOSSES}
    # Of seed 0, and of the epochs after which there was a validation.
    assert {"filter": "datum.seed == 0 && isValid(toNumber(datum.dice_foreground))"} in curve["transform"]
    assert curve["encoding"]["color"]["scale"]["domain"] == ["CE", "CE + DL"]


@pytest.mark.slow
def test_a_sweep_by_another_worker_comes_back(ran, tmp_path):
    """As docs/reproduce.md has it: a Git remote and a DVC remote that both reach, here folders."""
    git, store, folder = tmp_path / "shared.git", tmp_path / "store", tmp_path / "worker"
    run(ran, "git", "init", "-q", "--bare", str(git))
    run(ran, "git", "remote", "add", "origin", str(git))
    run(ran, "dvc", "remote", "add", "--default", "shared", str(store))
    commit(ran, "Share the data")
    run(ran, "git", "push", "-q", "origin", "HEAD")
    run(ran, "dvc", "push", "plot@demo", "--with-deps")
    run(tmp_path, "git", "clone", "-q", str(git), str(folder))
    run(folder, "dvc", "pull", "plot@demo", "--with-deps")
    run(folder, "dvc", "exp", "run", "--queue", "--name", "alpha-2", "-S", "loss.ce_dl.alpha=2", "table@demo")
    out = run(folder, "dvc", "exp", "run", "--run-all", "--jobs", "1")
    assert {stage for stage in running(out) if stage.startswith("train")} == {"train@demo-covid19-ce_dl-0"}
    run(folder, "dvc", "exp", "push", "origin", "alpha-2")
    run(ran, "dvc", "exp", "pull", "origin", "alpha-2")
    run(ran, sys.executable, "stages/keep.py", "--study", "demo", "--experiment", "alpha-2")
    assert verify.locked(ran, paths.experiments("demo") / "alpha-2", lambda line: None) == []


def test_a_stage_that_fails_is_one_line_and_a_status(ran, command, edit_params):
    edit_params(ran, {"run.studies": ["paper"], "run.datasets": ["acdc"]})
    status, output = command("dvc", "repro", "train@paper-acdc-ce-0", cwd=ran, CEDICE_WITHOUT_GPU="")
    assert status != 0
    if "needs a CUDA GPU" in output:  # where there is one, the missing archive is what stops it
        assert sum(line.startswith("error:") for line in output.splitlines()) == 1
    assert "Traceback" not in output


def test_every_path_of_the_package_is_an_output_of_the_pipeline():
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    outputs = {out if isinstance(out, str) else next(iter(out)) for stage in stages.values() for out in stage["outs"]}
    study, dataset = "${item.study}", "${item.dataset}"
    training = Training(study, dataset, "${item.loss}", "${item.seed}")
    expected = {
        paths.raw(study, dataset),
        paths.source(study, dataset),
        *paths.slices(study, dataset),
        paths.summary(study, dataset),
        paths.trained(training),
        paths.evaluated(training),
        paths.record(study) / dataset,
        paths.mixture(study, dataset, "${item.naming}"),
        paths.tables(study),
        paths.figures(study),
        paths.samples(study),
    }
    assert {path.as_posix() for path in expected} <= outputs


def test_nothing_that_git_should_not_hold_is_tracked():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    tracked = [path for path in tracked if not path.startswith("models/released/")]  # small, and meant to come along
    tracked.remove("data/README.md")  # says what will lie there
    assert not [path for path in tracked if path.endswith((".npz", ".safetensors", ".zip", ".nii.gz"))]
    assert not [path for path in tracked if path.startswith(("data/", "models/"))]
