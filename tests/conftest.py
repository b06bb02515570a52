"""Shared ways to run the project as a user does: a small copy of it, its stages, and the real archives if there are any."""

import fcntl
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings
from project import ENVIRONMENT, ROOT, commit, copy_project, edit, make, prepare, run

# The same cases on every run, and none that a busy machine fails.
settings.register_profile("project", derandomize=True, deadline=None)
settings.load_profile("project")


def pytest_collection_modifyitems(items):
    """Of the files that need `built` one comes first, the others when a quarter of the rest has run, the longest of them before
    the others: no process waits for another that makes it, and none is left with the longest in the end."""
    needing = {item.path: None for item in items if "built" in item.fixturenames}
    rest = [path for path in dict.fromkeys(item.path for item in items) if path not in needing]
    long = {"test_verify.py": 0, "test_repro.py": 1}
    first, *others = sorted(needing, key=lambda path: long.get(path.name, 2)) or [None]
    order = [first, *rest[: len(rest) // 4], *others, *rest[len(rest) // 4 :]]
    items.sort(key=lambda item: order.index(item.path))


@pytest.fixture
def edit_params():
    """`project.edit`."""
    return edit


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A fresh small project as the current folder, without archives and without a GPU."""
    monkeypatch.chdir(copy_project(tmp_path))
    monkeypatch.delenv("CEDICE_ARCHIVES", raising=False)
    monkeypatch.delenv("CEDICE_WITHOUT_GPU", raising=False)
    return tmp_path


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """`project.prepare` after `make demo` and `make recipe`, committed: made once for all processes of the tests, to read."""
    base = tmp_path_factory.getbasetemp()
    place = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "built"
    with place.with_suffix(".lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not (place / ".git/whole").exists():
            shutil.rmtree(place, ignore_errors=True)
            prepare(place)
            for study in ("demo", "recipe"):
                run(place, *make(study))
            commit(place, "The studies have run")
            (place / ".git/whole").touch()
    return place


@pytest.fixture
def ran(built, tmp_path, monkeypatch):
    """A copy of `built` as the current folder."""
    folder = tmp_path / "ran"
    shutil.copytree(built, folder, symlinks=True)
    monkeypatch.chdir(folder)
    return folder


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
        done = subprocess.run(
            arguments,
            cwd=cwd,
            env=ENVIRONMENT | environment,
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
