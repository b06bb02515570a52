"""Shared ways to run the project as a user does: a small copy of it, its stages, and the real archives if there are any."""

import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import settings

# The same cases on every run, and none that a busy machine fails.
settings.register_profile("project", derandomize=True, deadline=None)
settings.load_profile("project")

ROOT = Path(__file__).parent.parent
# A tiny demo: the real code on the real formats, in seconds.
TINY = {
    "source": {"kind": "phantom", "patients": 10, "seed": 1},
    "epochs": {"acdc": 2, "covid19": 2},
}
TINY_TRAIN = {"base_channels": 2, "depth": 2, "batch_size": 8}


@pytest.fixture
def edit_params():
    """edit_params(folder, {"demo.train.seed": 3}) changes keys of the params.yaml in a folder; None removes a key."""

    def edit(folder: Path, changes: dict[str, object]) -> None:
        path = folder / "params.yaml"
        params = yaml.safe_load(path.read_text(encoding="utf-8"))
        for key, value in changes.items():
            *parents, last = key.split(".")
            node = params
            for parent in parents:
                node = node[parent]
            if value is None:
                del node[last]
            else:
                node[last] = value
        path.write_text(yaml.safe_dump(params), encoding="utf-8")

    return edit


def copy_project(folder: Path) -> Path:
    """The tracked inputs of the pipeline in ``folder``, with a demo small enough for a test."""
    for name in ("stages", "src"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("dvc.yaml", ".dvcignore", ".gitignore"):
        shutil.copy(ROOT / name, folder / name)
    for study in ("demo", "own"):  # the page depends on both
        (folder / "reports" / study).mkdir(parents=True)
        shutil.copy(ROOT / "reports" / study / "experiments.md", folder / "reports" / study)
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params["demo"] |= TINY
    params["demo"]["train"] |= TINY_TRAIN
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    return folder


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A fresh small project as the current folder, without archives and without a GPU."""
    monkeypatch.chdir(copy_project(tmp_path))
    monkeypatch.delenv("CEDICE_ARCHIVES", raising=False)
    monkeypatch.delenv("CEDICE_WITHOUT_GPU", raising=False)
    return tmp_path


@pytest.fixture
def stage(monkeypatch):
    """stage("train", "--study", "demo", …) runs a stage script in this process: None, or its one line of error."""

    def run(name: str, *arguments: str) -> str | None:
        monkeypatch.setattr(sys, "argv", [f"{name}.py", *arguments])
        try:
            runpy.run_path(str(ROOT / "stages" / f"{name}.py"), run_name="__main__")
        except SystemExit as end:
            assert isinstance(end.code, str), "an error must be a line, which makes the status 1"
            assert "\n" not in end.code
            return end.code
        return None

    return run


@pytest.fixture
def command():
    """command("dvc", "repro", cwd=…) → (status, output) of a process as a user starts it."""

    def run(*arguments: str, cwd: Path, **environment: str) -> tuple[int, str]:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            arguments,
            cwd=cwd,
            env=os.environ | {"PATH": path} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout

    return run


@pytest.fixture(scope="session")
def archives() -> Path:
    """The folder of the real archives; a test that asks for it is skipped where there is none."""
    folder = Path(os.environ.get("CEDICE_ARCHIVES") or ROOT.parent / "shared" / "data")
    missing = [name for name in ("acdc.zip", "covid-semiseg.zip", "hippocampus.zip") if not (folder / name).is_file()]
    if missing:
        pytest.skip(f"needs the real archives: no {' and no '.join(missing)} in {folder} (set CEDICE_ARCHIVES)")
    return folder
