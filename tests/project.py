"""Small copies of the project: the real code on the real formats, in seconds."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

ROOT = Path(__file__).parent.parent
TINY = {"source": {"kind": "phantom", "patients": 5, "seed": 1}, "epochs": {"acdc": 2, "covid19": 2}}
TINY_TRAIN = {"base_channels": 2, "depth": 2, "batch_size": 8}
ENVIRONMENT = os.environ | {
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    "PYTHONPATH": "src",
    **{f"GIT_{role}_{what}": "test" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
}
FIGURES = sorted(
    [*(f"figure{n}.png" for n in (4, 5, 6)), *(f"{n}.png" for n in ("difference", "forest", "noise", "thresholds"))]
)
_OF_THE_MOMENT = ("wall_seconds", "peak_memory_mb", "revision")
_SECONDS_TOLD = ("table1.md", "index.html", "noise.md")


def copy_project(folder: Path) -> Path:
    """The tracked inputs of the pipeline in ``folder``, with a demo small enough for a test."""
    for name in ("stages", "src"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("dvc.yaml", ".dvcignore", ".gitignore"):
        shutil.copy(ROOT / name, folder / name)
    for study in ("demo", "own"):  # their pages depend on it
        (folder / "reports" / study).mkdir(parents=True)
        shutil.copy(ROOT / "reports" / study / "experiments.md", folder / "reports" / study)
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params["demo"] |= TINY
    params["demo"]["train"] |= TINY_TRAIN
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    return folder


def edit(folder: Path, changes: dict[str, object]) -> None:
    """Change keys of the params.yaml in ``folder``, as {"demo.train.seed": 3}; None removes a key."""
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


def prepare(folder: Path) -> Path:
    """A small project under Git and DVC, nothing run yet. `demo` is the study that `run` names. `recipe`, with the demo's
    protocol, stands for those that `make` runs; Git holds its record, and the demo's as well."""
    folder.mkdir(parents=True)
    copy_project(folder)
    whole = yaml.safe_load((folder / "dvc.yaml").read_text(encoding="utf-8"))
    for name in ("across", "article", "experiments"):  # of studies that are not here
        del whole["stages"][name]
    (folder / "dvc.yaml").write_text(yaml.safe_dump(whole, sort_keys=False), encoding="utf-8")
    shutil.copytree(ROOT / "reports/recipe", folder / "reports/recipe", ignore=lambda _, names: {*names} - {"experiments.md"})
    # Of ten patients two validate: a verdict needs them. One data set: the tests wait for every stage.
    edit(folder, {"demo.source.patients": 10, "demo.epochs": {"covid19": 2}, "run.datasets": ["covid19"]})
    demo = yaml.safe_load((folder / "params.yaml").read_text(encoding="utf-8"))["demo"]
    edit(folder, {"recipe": demo, "reports": ["demo", "recipe"]})
    ignored = (folder / ".gitignore").read_text(encoding="utf-8").splitlines()
    (folder / ".gitignore").write_text("\n".join(line for line in ignored if "/reports/demo" not in line) + "\n")
    for tool in ("git", "dvc"):
        run(folder, tool, "init", "-q")
    shutil.copytree(ROOT / ".dvc/plots", folder / ".dvc/plots")
    shutil.copy(ROOT / ".dvc/config", folder / ".dvc/config")  # DVC's own default is to report every command to its makers
    commit(folder, "A small project")
    return folder


def commit(folder: Path, message: str) -> str:
    """The new revision, of all that Git does not ignore."""
    run(folder, "git", "add", "--all")
    run(folder, "git", "commit", "-q", "-m", message)
    return run(folder, "git", "rev-parse", "HEAD").strip()


def make(study: str) -> list[str]:
    """The command behind `make STUDY`."""
    return [sys.executable, "-m", "cedice.pipeline.repro", study, "--jobs", "2"]


def run(folder: Path, *arguments: str, **environment: str) -> str:
    """What a command prints, which must end well."""
    both = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    done: Any = subprocess.run(arguments, cwd=folder, env=ENVIRONMENT | environment, check=False, **both)
    assert done.returncode == 0, f"{' '.join(arguments)}\n{done.stdout}"
    return done.stdout


def running(output: str) -> set[str]:
    """The stages that DVC says it runs, without the file that has them."""
    return {line.split("'")[1].rpartition(":")[2] for line in output.splitlines() if line.startswith("Running stage")}


def state(folder: Path) -> dict[str, str]:
    """A fingerprint of every output; histories and records of runs without what differs from run to run."""
    found = {}
    for top in ("data", "models", "reports"):
        for path in sorted(path for path in (folder / top).rglob("*") if path.is_file()):
            if path.name == "history.csv":
                content = pd.read_csv(path).drop(columns="seconds").to_csv().encode()
            elif path.name in ("run.json", "runs.json"):
                given = json.loads(path.read_text(encoding="utf-8"))
                rows = given if isinstance(given, list) else [given]
                content = json.dumps([{key: row[key] for key in row if key not in _OF_THE_MOMENT} for row in rows]).encode()
            elif path.name in _SECONDS_TOLD or path.name == "dvc.lock":  # the lock has the hashes of such files
                content = b""
            else:
                content = path.read_bytes()
            found[str(path.relative_to(folder))] = hashlib.sha256(content).hexdigest()
    return found
