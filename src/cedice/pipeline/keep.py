"""Keep a DVC experiment in Git, and lay a kept one over a checkout (`cedice.analysis.experiments` has the layout)."""

import itertools
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

from cedice import paths
from cedice.errors import CediceError
from cedice.files import md5, replacing
from cedice.pipeline.lock import part
from cedice.pipeline.workspace import select
from cedice.training.provenance import git


def keep(study: str, name: str) -> Path:
    """Write the folder of the experiment ``name`` of this Git repository; what was kept under the name before is replaced.

    Raises CediceError where no experiment, or more than one, has the name, where it changed nothing of the study, and where a
    file is not the one that its lock names.
    """
    commit = _commit(name)
    lock, before = (yaml.safe_load(_file(each, "dvc.lock"))["stages"] for each in (commit, f"{commit}^"))
    stages = tuple(f"{kind}@{study}-" for kind in ("download", "preprocess", "train", "evaluate"))
    entries = {stage: entry for stage, entry in lock.items() if stage.startswith(stages) and before.get(stage) != entry}
    folder, root = paths.experiments(study) / name, paths.reports(study)
    files = {out["path"]: out["md5"] for entry in entries.values() for out in entry["outs"]}
    files = {Path(path): digest for path, digest in files.items() if Path(path).is_relative_to(root)}
    if not files:
        raise CediceError(f"experiment {name} trained nothing of study {study} that is not there already")
    with replacing(folder, folder=True) as new:
        base, theirs = (yaml.safe_load(_file(each, "params.yaml")) for each in (f"{commit}^", commit))
        changes = {key: value for key, value in changed(base, theirs).items() if key in ("loss", study)}
        (new / "params.yaml").write_text(yaml.safe_dump(changes, sort_keys=False, allow_unicode=True), encoding="utf-8")
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
    (checkout / "params.yaml").write_text(yaml.safe_dump(merged(today, kept), sort_keys=False), encoding="utf-8")
    entries = yaml.safe_load((folder / "dvc.lock").read_text(encoding="utf-8"))["stages"]
    study = folder.parent.parent.name
    settings = merged(today, kept)[study]
    seeds = settings["seeds"].values() if isinstance(settings["seeds"], dict) else [settings["seeds"]]
    select(checkout, study, list(settings["epochs"]), sorted(set(itertools.chain(*seeds))))
    lock = checkout / "dvc.lock"
    given = yaml.safe_load(part(lock.read_text(encoding="utf-8"), study))  # DVC is slow to read what is not asked
    before = {name: entry for name, entry in given["stages"].items() if name.startswith(("download@", "preprocess@"))}
    lock.write_text(yaml.safe_dump(given | {"stages": before | entries}), encoding="utf-8")
    return sorted(entries)


def changed(base: dict[str, Any], theirs: dict[str, Any]) -> dict[str, Any]:
    """What of ``theirs`` differs from ``base``, nested as both are."""
    both = {key: (base[key], value) for key, value in theirs.items() if key in base}
    found = {
        key: changed(ours, value) if isinstance(ours, dict) and isinstance(value, dict) else value
        for key, (ours, value) in both.items()
    }
    return {key: value for key, value in found.items() if value != base[key] and value != {}}


def merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """``base`` with the ``changes``, which are nested as it is."""
    nested = {key for key, value in changes.items() if isinstance(value, dict) and isinstance(base[key], dict)}
    return base | {key: merged(base[key], value) if key in nested else value for key, value in changes.items()}


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
