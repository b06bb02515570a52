"""The pipeline as a user runs it: DVC from nothing to Table 1 and the figures, then only what a change asks for."""

import gzip
import io
import json
import random
import socket
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import yaml
from conftest import ROOT
from interrupt import TARGETS, kill, prepare, start, state

from cedice import params, paths
from cedice.paths import Training
from cedice.pipeline import keep

pytestmark = pytest.mark.xdist_group("built")  # in one process and in this order: they share a project


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A copy of the project after `dvc repro` of its tiny demo, under Git, as after `make demo`."""
    return prepare(tmp_path_factory.mktemp("projects") / "built")


def repro(command, folder: Path, *options: str) -> str:
    status, output = command("dvc", "repro", *TARGETS, *options, cwd=folder)
    assert status == 0, output
    return output


def running(output: str) -> set[str]:
    return {line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")}


def test_everything_from_nothing(built, command):
    output = repro(command, built)
    assert len(running(output)) == 2 + 2 + 4 + 4 + 4 + len(TARGETS)
    found = json.loads((built / "reports/demo/metrics.json").read_text())
    assert set(found) == set(params.DATASETS)
    assert all(0 <= found[dataset][loss] <= 1 for dataset in params.DATASETS for loss in params.LOSSES)
    assert "not comparable" in (built / "reports/demo/table1.md").read_text()
    assert sorted(path.name for path in (built / "reports/demo/figures").iterdir()) == [
        f"figure{n}.png" for n in (1, 4, 5, 6, 7)
    ]
    assert sorted(path.name for path in (built / "reports/demo/samples").iterdir()) == ["figure2.png", "figure3.png"]
    record = json.loads((built / paths.run_record(Training("demo", "acdc", "ce", 0))).read_text())
    assert {"device", "versions", "wall_seconds", "revision", "data_sha256", "settings"} <= set(record)
    assert not list(built.rglob("*.part"))


def test_a_second_time_does_nothing(built, command):
    output = repro(command, built)
    assert not running(output)
    assert "up to date" in output


def test_alpha_concerns_its_own_loss_alone(built, command, edit_params):
    edit_params(built, {"loss.ce_dl.alpha": 0.5})
    stages = running(repro(command, built, "--dry"))
    edit_params(built, {"loss.ce_dl.alpha": 1.0})
    trained = {"train@demo-acdc-ce_dl-0", "train@demo-covid19-ce_dl-0"}
    assert trained <= stages
    assert not any("-ce-" in stage for stage in stages)
    assert not any(stage.startswith(("download", "preprocess")) for stage in stages)


def test_epochs_of_one_data_set_leave_the_other(built, command, edit_params):
    edit_params(built, {"demo.epochs.covid19": 3})
    stages = running(repro(command, built, "--dry"))
    edit_params(built, {"demo.epochs.covid19": 2})
    assert {stage for stage in stages if stage.startswith("train")} == {
        "train@demo-covid19-ce-0",
        "train@demo-covid19-ce_dl-0",
    }


def test_another_seed_trains_that_seed_alone(built, command, edit_params):
    edit_params(built, {"demo.seeds": [0, 3], "run.seeds": [0, 3]})
    status, output = command("dvc", "repro", "--dry", "train", cwd=built)
    edit_params(built, {"demo.seeds": [0], "run.seeds": [0]})
    assert status == 0, output
    assert running(output) == {f"train@demo-{dataset}-{loss}-3" for dataset in params.DATASETS for loss in params.LOSSES}


def test_killed_and_then_given_twice_at_once_it_ends_in_the_same_bytes(built, tmp_path):
    """In another folder, so this is also the test that the same inputs give the same bytes."""
    folder = prepare(tmp_path / "disturbed")
    chance = random.Random(1)
    for _ in range(2):
        process = start(folder)
        with pytest.raises(subprocess.TimeoutExpired):
            process.communicate(timeout=chance.uniform(3, 9))
        kill(process, folder)
    outputs = [process.communicate()[0] for process in [start(folder), start(folder)]]
    assert "Traceback" not in "".join(outputs)
    repro_again = start(folder)  # what the second was refused, or had lost
    output, _ = repro_again.communicate()
    assert repro_again.returncode == 0, output
    assert state(folder) == state(built)
    assert not list(folder.rglob("*.part"))


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


def shown(output: str) -> dict:
    """The JSON behind DVC's complaint that the other study of `dvc.yaml` has no results here."""
    return json.loads(output[output.index("{") :])


def test_metrics_and_plots_are_there_for_dvc(built, command):
    status, output = command("dvc", "metrics", "show", "--json", cwd=built)
    assert status == 0, output
    assert shown(output)[""]["data"]["reports/demo/metrics.json"]["data"]["acdc"]["ce_dl"] is not None
    status, output = command("dvc", "plots", "show", "--json", cwd=built)
    assert status == 0, output
    assert any("demo" in name for name in shown(output)["data"])


def test_a_verdict_on_a_single_patient_is_refused_in_one_line(built, command):
    status, output = command("dvc", "repro", "verdict@demo", cwd=built)
    assert status != 0
    assert output.count("error: acdc: one patient in the validation set; a verdict needs at least two") == 1
    assert "Traceback" not in output


def test_a_stage_that_fails_is_one_line_and_a_status(built, command):
    status, output = command("dvc", "repro", "train@paper-acdc-ce-0", cwd=built, CEDICE_WITHOUT_GPU="")
    assert status != 0
    if "needs a CUDA GPU" in output:  # where there is one, the missing archive is what stops it
        assert sum(line.startswith("error:") for line in output.splitlines()) == 1
    assert "Traceback" not in output


def test_a_sweep_shared_by_two_workers_comes_together(built, command, tmp_path):
    """As docs/reproduce.md has it: a Git remote and a DVC remote that both reach, here folders; each worker runs its part."""

    def done(*arguments: str, cwd: Path) -> str:
        status, output = command(*arguments, cwd=cwd, GIT_AUTHOR_NAME="w", GIT_COMMITTER_NAME="w", EMAIL="w@example.org")
        assert status == 0, output
        return output

    # As in study `small`: Git holds the small results, so that a clone has them.
    ignored = (built / ".gitignore").read_text().replace("/reports/demo/*\n", "")
    (built / ".gitignore").write_text(ignored)
    git, store = tmp_path / "shared.git", tmp_path / "store"
    done("git", "init", "-q", "--bare", str(git), cwd=built)
    done("git", "remote", "add", "origin", str(git), cwd=built)
    done("dvc", "remote", "add", "--default", "shared", str(store), cwd=built)
    done("git", "add", "--all", cwd=built)
    done("git", "commit", "-q", "-m", "A built demo", cwd=built)
    done("git", "push", "-q", "origin", "HEAD", cwd=built)
    done("dvc", "push", *TARGETS, "--with-deps", cwd=built)
    for worker, alpha in (("one", "0.5"), ("two", "2")):
        folder = tmp_path / worker
        done("git", "clone", "-q", str(git), str(folder), cwd=tmp_path)
        done("dvc", "pull", *TARGETS, "--with-deps", cwd=folder)
        done(
            "dvc",
            "exp",
            "run",
            "--queue",
            "--name",
            f"alpha-{alpha}",
            "-S",
            f"loss.ce_dl.alpha={alpha}",
            "table@demo",
            cwd=folder,
        )
        output = done("dvc", "exp", "run", "--run-all", "--jobs", "1", cwd=folder)
        assert {stage for stage in running(output) if stage.startswith("train")} == {
            "train@demo-acdc-ce_dl-0",
            "train@demo-covid19-ce_dl-0",
        }
        done("dvc", "exp", "push", "origin", f"alpha-{alpha}", cwd=folder)
    done("dvc", "exp", "pull", "origin", "alpha-0.5", "alpha-2", cwd=built)
    shown = pd.read_csv(io.StringIO(done("dvc", "exp", "show", "--csv", cwd=built)))
    found = shown.dropna(subset=["Experiment"]).set_index("Experiment")
    assert found["loss.ce_dl.alpha"].to_dict() == {"alpha-0.5": 0.5, "alpha-2": 2.0}
    assert found["acdc.ce_dl"].notna().all()
    check_keeping(built, done, command)


def check_keeping(built: Path, done: Callable[..., str], command: Callable[..., tuple[int, str]]) -> None:
    """What `keep` takes from an experiment, copied over the project, is up to date for DVC, until a number is changed."""
    kept = paths.experiments("demo") / "alpha-0.5"
    output = done(sys.executable, "stages/keep.py", "--study", "demo", "--experiment", kept.name, cwd=built)
    assert f"{kept} written" in output
    files = {path.relative_to(built / kept).as_posix() for path in (built / kept).rglob("*.*")}
    kinds = ("counts/{}/ce_dl-seed0.csv", "counts/{}/ce_dl-seed0-averaged.csv", "history/{}/ce_dl-seed0.csv")
    kinds += ("calibration/{}/ce_dl-seed0.csv", "calibration/{}/ce_dl-seed0-averaged.csv")
    tables = [kind.format(dataset) for kind in (*kinds, "epochs/{}/ce_dl-seed0.csv.gz") for dataset in params.DATASETS]
    records = [f"runs/{dataset}/ce_dl-seed0.json" for dataset in params.DATASETS]
    assert files == {"dvc.lock", "params.yaml", *records, *tables}
    laid = built.parent / "laid"
    done("git", "clone", "-q", str(built), str(laid), cwd=built)
    stages = keep.lay_over(kept, built, laid)
    assert len(stages) == 4
    again = ("dvc", "repro", "--dry", "--allow-missing", *stages)
    assert not running(done(*again, cwd=laid))
    counts = laid / paths.counts(Training("demo", "acdc", "ce_dl", 0), "last")
    counts.write_text(counts.read_text().replace(",1,", ",2,", 1))
    status, output = command(*again, cwd=laid)
    assert status or running(output)
    assert "evaluate@demo-acdc-ce_dl-0" in output.splitlines()[-1]


def test_every_path_of_the_package_is_an_output_of_the_pipeline():
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    outputs = {out if isinstance(out, str) else next(iter(out)) for stage in stages.values() for out in stage["outs"]}
    study, dataset = "${item.study}", "${item.dataset}"
    training = Training(study, dataset, "${item.loss}", "${item.seed}")
    expected = {
        paths.raw(study, dataset),
        *paths.slices(study, dataset),
        paths.source(study, dataset),
        paths.slices_record(study, dataset),
        paths.weights(training),
        paths.history(training),
        paths.run_record(training),
        paths.epochs(training),
        *(
            path(training, readout)
            for path in (
                paths.counts,
                paths.predictions,
                paths.calibration,
                paths.surfaces,
                paths.targets,
                paths.errors,
                paths.volumes,
            )
            for readout in paths.READOUTS
        ),
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
