"""DVC experiments kept in Git: what each of them made itself, beside what ties it to code, data and parameters.

Layout of `reports/<study>/experiments/<name>/`:
  params.yaml  the experiment's own, whole
  dvc.lock     the entries of its lock, from `download` to `evaluate`, that differ from those it started from
  and the files under `reports/<study>/` that these entries name: counts, histories, run records (and summaries of slices).
Laid over the project these are a workspace in which DVC finds those stages up to date, or does not: the gate asks it.
"""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cedice import params, paths
from cedice.errors import CediceError
from cedice.files import md5, replacing
from cedice.provenance import git
from cedice.summary import Run, Runs


@dataclass(frozen=True)
class Experiment:
    """``changes``: {key of params.yaml: value} where it differs from the project's, seeds aside; ``runs``: its own."""

    name: str
    changes: dict[str, Any]
    runs: Runs


def keep(study: str, name: str) -> Path:
    """Write the folder of the experiment ``name`` of this Git repository; what was kept under the name before is replaced.

    Raises CediceError where no experiment, or more than one, has the name, where it changed nothing of the study, and where a
    file is not the one that its lock names.
    """
    commit = _commit(name)
    lock, before = (yaml.safe_load(_file(each, "dvc.lock"))["stages"] for each in (commit, f"{commit}^"))
    stages = (f"download@{study}-", f"preprocess@{study}-", f"train-{study}@", f"evaluate-{study}@")
    entries = {stage: entry for stage, entry in lock.items() if stage.startswith(stages) and before.get(stage) != entry}
    folder, root = paths.experiments(study) / name, paths.reports(study)
    files = {out["path"]: out["md5"] for entry in entries.values() for out in entry["outs"]}
    files = {Path(path): digest for path, digest in files.items() if Path(path).is_relative_to(root)}
    if not files:
        raise CediceError(f"experiment {name} trained nothing of study {study} that is not there already")
    with replacing(folder, folder=True) as new:
        (new / "params.yaml").write_bytes(_file(commit, "params.yaml"))
        (new / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": entries}), encoding="utf-8")
        for path, digest in files.items():
            content = _file(commit, path.as_posix())
            if md5(content) != digest:
                raise CediceError(f"experiment {name}: {path} is not the file that its dvc.lock names; run it again")
            target = new / path.relative_to(root)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    return folder


def lay_over(folder: Path, project: Path, checkout: Path) -> list[str]:
    """Copy a kept experiment, with its ``folder`` relative to the ``project``, over another checkout of it, and give the
    names of its stages, for DVC to be asked about."""
    reports, folder = checkout / folder.parent.parent, project / folder
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.parent != folder):
        target = reports / path.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    kept, today = (yaml.safe_load((path / "params.yaml").read_text(encoding="utf-8")) for path in (folder, checkout))
    # What came into the file since is left as it is: `dvc.yaml` asks for it.
    (checkout / "params.yaml").write_text(yaml.safe_dump(today | kept, sort_keys=False), encoding="utf-8")
    lock = yaml.safe_load((checkout / "dvc.lock").read_text(encoding="utf-8"))
    entries = yaml.safe_load((folder / "dvc.lock").read_text(encoding="utf-8"))["stages"]
    lock["stages"] |= entries
    (checkout / "dvc.lock").write_text(yaml.safe_dump(lock), encoding="utf-8")
    return sorted(entries)


def load(study: str, project: params.Params) -> list[Experiment]:
    """All kept experiments of a study, by name; CediceError where a file is not the one that the lock names, and where the
    parameters differ in nothing but seeds."""
    found = []
    for folder in sorted(path for path in paths.experiments(study).glob("*") if path.is_dir()):
        theirs = _flat(params.load_study(folder / "params.yaml", study))
        ours = _flat(project.model_dump(include={"loss", study}))
        changes = {key: value for key, value in sorted(theirs.items()) if ours.get(key) != value and key != f"{study}.seeds"}
        if not changes:
            raise CediceError(f"{folder}: its parameters are the project's own; delete it")
        _check(folder)
        found.append(Experiment(folder.name, changes, _runs(folder)))
    return found


def _check(folder: Path) -> None:
    root, entries = folder.parent.parent, yaml.safe_load((folder / "dvc.lock").read_text(encoding="utf-8"))["stages"]
    hashes = {out["path"]: out["md5"] for entry in entries.values() for out in entry["outs"]}
    there = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.parent != folder]
    for path in there:
        if hashes.pop((root / path.relative_to(folder)).as_posix(), None) != md5(path.read_bytes()):
            raise CediceError(f"{path} is not the file that the experiment's dvc.lock names; keep the experiment again")
    if lacking := [path for path in hashes if Path(path).is_relative_to(root)]:
        raise CediceError(f"{folder} lacks {lacking[0]}; keep the experiment again")


def _runs(folder: Path) -> Runs:
    runs = {}
    for record in sorted(folder.glob("runs/*/*.json")):
        dataset, (arm, seed) = record.parent.name, record.stem.split("-seed")
        counts, history = (folder / kind / dataset / f"{record.stem}.csv" for kind in ("counts", "history"))
        runs[dataset, arm, int(seed)] = Run.read(counts, history, record)
    return runs


def _flat(tree: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}

    def walk(node: object, key: str) -> None:
        if isinstance(node, dict):
            for name, child in node.items():
                walk(child, f"{key}.{name}" if key else name)
        else:
            found[key] = node

    walk(tree, "")
    return found


def _commit(name: str) -> str:
    lines = git("for-each-ref", "--format=%(refname) %(objectname)", "refs/exps").decode().splitlines()
    found = [commit for ref, commit in map(str.split, lines) if ref.split("/")[4:] == [name]]
    if len(found) != 1:
        raise CediceError(f"{len(found) or 'no'} experiments are named {name!r}; `dvc exp list --all-commits` shows them")
    return found[0]


def _file(commit: str, path: str) -> bytes:
    try:
        return git("show", f"{commit}:{path}")
    except subprocess.CalledProcessError as error:
        raise CediceError(f"experiment {commit[:10]} holds no {path}; run it again") from error
