"""Keep a DVC experiment in Git (`cedice.analysis.experiments` has the layout)."""

import subprocess
import tempfile
from pathlib import Path
from typing import Any

import yaml

from cedice import paths, yaml12
from cedice.errors import CediceError
from cedice.evaluation import gather, record
from cedice.files import replacing
from cedice.pipeline import lockfile
from cedice.tables import read_text
from cedice.training.provenance import git

_TABLES = ("history", "counts", "thresholds")  # those that reports of experiments read
_BORDERS = ("surfaces", "volumes")  # and of those that change the Dice term's sums or the augmentation


def keep(study: str, name: str) -> Path:
    """Write the folder of the experiment ``name`` of this Git repository; what was kept under the name before is replaced.

    Raises CediceError where no experiment, or more than one, has the name, where it trained nothing of the study, and where
    its record is not the one that its lock names.
    """
    commit = _commit(name)
    lock, before = (yaml.safe_load(_file(each, "dvc.lock"))["stages"] for each in (commit, f"{commit}^"))
    stages = tuple(f"{kind}@{study}-" for kind in ("download", "preprocess", "train", "evaluate", "gather"))
    entries = {stage: entry for stage, entry in lock.items() if stage.startswith(stages) and before.get(stage) != entry}
    trained = [stage.split("@")[1].rsplit("-", 3)[1:] for stage in entries if stage.startswith("train@")]
    if not trained:
        raise CediceError(f"experiment {name} trained nothing of study {study} that is not there already")
    folder = paths.experiments(study) / name
    with replacing(folder, folder=True) as new, tempfile.TemporaryDirectory() as scratch:
        base, theirs = (
            yaml12.load(_file(each, "params.yaml").decode(), Path("params.yaml")) for each in (f"{commit}^", commit)
        )
        changes = {key: value for key, value in changed(base, theirs).items() if key in ("loss", study)}
        (new / "params.yaml").write_text(yaml12.dump(changes), encoding="utf-8")
        tables = _TABLES + (_BORDERS if {"dice", "augmentation"} & changes.get(study, {}).get("train", {}).keys() else ())
        for dataset in dict.fromkeys(dataset for dataset, *_ in trained):
            whole = Path(scratch) / dataset
            _checkout(commit, paths.record(study) / dataset, whole)
            entry = entries.get(f"gather@{study}-{dataset}")
            if entry is None or lockfile.folder_md5(whole) != entry["outs"][0]["md5"]:
                raise CediceError(f"experiment {name}: its record of {dataset} is not what its dvc.lock names; run it again")
            _own(study, whole, new / dataset, [(loss, int(seed)) for of, loss, seed in trained if of == dataset], tables)
            out = {"path": (folder / dataset).as_posix(), "hash": "md5", "md5": lockfile.folder_md5(new / dataset)}
            entries[f"gather@{study}-{dataset}"] = entry | {"outs": [out]}
        lockfile.write(new / "dvc.lock", entries)
    return folder


def _own(study: str, whole: Path, target: Path, keys: list[gather.Key], tables: tuple[str, ...]) -> None:
    """What the experiment's own trainings left of these ``tables`` of a record."""
    target.mkdir()
    slices = record.file(whole, "slices").read_bytes()
    known = record.file(paths.record(study) / target.name, "slices")
    if not known.is_file() or known.read_bytes() != slices:
        record.file(target, "slices").write_bytes(slices)
    rows = [row for row in record.runs(whole.parent, whole.name) if (row["loss"], row["seed"]) in keys]
    gather.write_runs(target / "runs.json", rows)
    for table in tables:
        cells = read_text(record.file(whole, table))
        own = [(loss, int(seed)) in keys for loss, seed in zip(cells["loss"], cells["seed"], strict=True)]
        gather.save(target, table, cells[own])


def changed(base: dict[str, Any], theirs: dict[str, Any]) -> dict[str, Any]:
    """What of ``theirs`` differs from ``base``, or is new, nested as both are."""
    found = {}
    for key, value in theirs.items():
        ours = base.get(key)
        if key not in base or value != ours:
            found[key] = changed(ours, value) if isinstance(ours, dict) and isinstance(value, dict) else value
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


def _checkout(commit: str, folder: Path, target: Path) -> None:
    """The files of a ``folder`` at a commit, in ``target``."""
    target.mkdir()
    for name in git("ls-tree", "--name-only", f"{commit}:{folder.as_posix()}").decode().splitlines():
        (target / name).write_bytes(_file(commit, f"{folder.as_posix()}/{name}"))
