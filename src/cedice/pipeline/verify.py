"""Does what is reported follow from what is there? Behind `cedice verify`, and the first half of the reproduction gate.

1. DVC finds every stage of the root's dvc.yaml up to date: no code, parameter, number or figure was changed after `dvc.lock`.
2. Each record, and each kept experiment, is the one that its own dvc.lock names; and that lock names the code of the revision
   that trained, where this repository has that revision. (Today's code may differ: a record is not stale.)
3. All reports are made again from the records: the same bytes.
4. Where slices and weights are here, the tables are made again from them: the same rows (or, on another device than the one
   they are from, the same counts but for a pixel in `_TURNED`), and so are the released models of them.
All is made in a temporary folder: nothing here is changed. The numbers that README and docs quote are held against the reports
by `make test` (`tests/test_docs.py`).
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd
import torch
import yaml

from cedice import params, paths
from cedice.errors import CediceError
from cedice.evaluation import record
from cedice.evaluation.counts import COUNTS
from cedice.files import md5
from cedice.inference import model_file, released
from cedice.params import STUDIES
from cedice.paths import Training
from cedice.pipeline import lockfile
from cedice.tables import read_text
from cedice.training import provenance

RELEASED = Path("models/released")
_ARTICLE = Path("docs/article")
_TURNED = 1e-3
_REPORTS = ("figure1", "table", "plot")
_GIVEN = ("record", "experiments", "samples", "experiments.md", "response.png", "cost.csv")  # what these read and do not make

Say = Callable[[str], None]


def verify(root: Path, say: Say) -> list[str]:
    """Check the project at ``root``; ``say`` hears what holds, the list says what does not. CediceError for no project."""
    if not (root / "dvc.yaml").is_file():
        raise CediceError("no dvc.yaml here; run from the project's root")
    project = params.load(root / "params.yaml")
    studies = [study for study in STUDIES if record.datasets(root / paths.record(study))]
    broken = stale(root, say)
    for study in studies:
        broken += locked(root, paths.reports(study), say)
        for folder in sorted((root / paths.experiments(study)).glob("*/")):
            broken += locked(root, folder.relative_to(root), say)
    broken += again(root, [study for study in studies if study in project.reports], say)
    return broken + evaluated(root, project, say)


def stale(root: Path, say: Say) -> list[str]:
    """What DVC finds changed."""
    command = "-m", "dvc", "repro", "--dry", "--allow-missing", "--keep-going"
    status, output = _process(root, root, *command)
    # A stage that would run but lacks its data here "fails" in the dry run too.
    lines = [line for line in output.splitlines() if line.startswith(("Running stage", "ERROR: failed to reproduce"))]
    stages = list(dict.fromkeys(stage for line in lines for stage in re.findall(r"'([\w@.-]+)'", line)))
    if status and not stages:
        raise CediceError(f"dvc repro --dry failed: {output.strip()[-500:]}")
    if not stages:
        say("all stages are up to date against dvc.lock")
    return [f"{stage}: code, parameters or results are not those of dvc.lock" for stage in stages]


def locked(root: Path, folder: Path, say: Say) -> list[str]:
    """What of a study's record, or of a kept experiment, is not what its own lock names. (The demo's is the root's.)"""
    if not (root / folder / "dvc.lock").is_file():
        return []
    entries, broken = lockfile.read(root / folder / "dvc.lock"), []
    for stage, entry in entries.items():
        for out in entry["outs"] if stage.startswith(("gather@", "mixture@", "samples@")) else ():
            if lockfile.file_md5(root / out["path"]) != out["md5"]:
                broken.append(f"{out['path']}: not what {folder / 'dvc.lock'} names ({stage})")
    known = {out["path"] for stage, entry in entries.items() if stage.startswith("gather@") for out in entry["outs"]}
    place = folder / "record" if (root / folder / "record").is_dir() else folder
    broken += [
        f"{place / name}: no gather stage of {folder / 'dvc.lock'} names it"
        for name in record.datasets(root / place)
        if (place / name).as_posix() not in known
    ]
    if not broken:
        say(f"{folder}: the record is the one that its lock names")
    return broken + _of_revision(root, folder, place, entries, say)


def _of_revision(root: Path, folder: Path, place: Path, entries: lockfile.Entries, say: Say) -> list[str]:
    """What of the code that a lock names is not that of the revision which trained."""
    broken, unknown, held = [], dict[str, int](), 0
    for dataset in record.datasets(root / place):
        for row in record.runs(root / place, dataset):
            revision = str(row.get("locked", row["revision"]))
            commit, _, changes = revision.partition("+")
            ends = f"-{dataset}-{row['loss']}-{row['seed']}"
            for stage, entry in entries.items():
                if not stage.startswith("train@") or not stage.endswith(ends):
                    continue
                code = {dep["path"]: dep["md5"] for dep in entry["deps"] if dep["path"].startswith(("src/", "stages/"))}
                try:
                    other = [path for path, digest in code.items() if _at(root, commit, path) != digest]
                    looked_at = not (other and changes)  # changes of params.yaml alone leave the code as it was
                except (OSError, subprocess.CalledProcessError):
                    looked_at = False
                if not looked_at:
                    unknown[revision] = unknown.get(revision, 0) + 1
                    continue
                held += not other
                broken += [
                    f"{folder / 'dvc.lock'}: {stage} names another {path} than revision {revision[:10]} has" for path in other
                ]
    if held:
        say(f"{folder}: the lock names the code of the revisions that trained, {held} trainings")
    for revision, count in unknown.items():
        commit, _, changes = revision.partition("+")
        why = "with changes that no commit has" if changes else "which this clone does not have"
        say(f"{folder}: {count} trainings by revision {commit[:10]}, {why}: their code was not looked at")
    return broken


def _at(root: Path, revision: str, path: str, known: dict[tuple[str, str], str] = {}) -> str:  # noqa: B006  (a cache)
    """DVC's hash of a file or folder at a revision; CalledProcessError where the repository lacks it."""
    if (revision, path) not in known:
        names = provenance.git("-C", str(root), "ls-tree", "-r", "--name-only", revision, "--", path).decode().splitlines()
        contents = {name: provenance.git("-C", str(root), "show", f"{revision}:{name}") for name in names}
        if names == [path]:
            known[revision, path] = md5(contents[path])
        else:
            known[revision, path] = lockfile.listed_md5(
                [name.removeprefix(f"{path}/") for name in names], lambda name: contents[f"{path}/{name}"]
            )
    return known[revision, path]


def again(root: Path, studies: list[str], say: Say) -> list[str]:
    """The reports of these studies that come out otherwise when they are made again."""
    stages, outs, series = _stages(root), dict[str, list[str]](), []
    with tempfile.TemporaryDirectory() as scratch:
        for study in studies:
            end = f" --study {study}"
            alone = [name for name, stage in stages.items() if "matrix" not in stage and stage["cmd"].endswith(end)]
            if "article" in alone and not find_spec("typst"):
                alone.remove("article")
                say("reports/article was not made again: typst is not installed (pip install '.[article]')")
            made = [next(iter(out)) for name in (*_REPORTS, *alone) for out in stages[name]["outs"]]
            outs[study] = [out.replace("${item.study}", study) for out in made]
            _given(root, Path(scratch) / study, study, outs[study])
            files = [str(root / "stages" / f"{name}.py") for name in _ordered(alone)]
            series.append([str(Path(scratch) / study), study, *files])
        _run(root, Path(scratch), "-m", "cedice.pipeline.series", json.dumps(series))
        return [line for study in studies for line in _differing(root, Path(scratch) / study, study, outs[study], say)]


def _given(root: Path, copy: Path, study: str, outs: list[str]) -> None:
    """Lay what the study's reports are made from into the folder ``copy``."""
    copy.mkdir()
    shutil.copy(root / "params.yaml", copy)
    if (root / _ARTICLE).is_dir():  # no links: what is typeset must lie in the folder
        shutil.copytree(root / _ARTICLE, copy / _ARTICLE)
        shutil.copy(root / "CITATION.cff", copy)
    for name in STUDIES:  # some stages read other studies
        (copy / paths.reports(name)).mkdir(parents=True)
        given = _GIVEN if name == study else (*_GIVEN, "tables")
        for path in (paths.reports(name) / each for each in given):
            if (root / path).exists() and path.as_posix() not in outs:
                (copy / path).symlink_to((root / path).resolve())


def _differing(root: Path, copy: Path, study: str, outs: list[str], say: Say) -> list[str]:
    files, made = ([path for out in outs for path in _files(place / out, place)] for place in (root, copy))
    broken = [
        f"{path}: made again, it differs"
        for path in dict.fromkeys([*files, *made])
        if not (root / path).is_file()
        or not (copy / path).is_file()
        or (root / path).read_bytes() != (copy / path).read_bytes()
    ]
    if not broken:
        say(f"{study}: {len(files)} reports follow from the record, byte for byte")
    return broken


def _ordered(alone: list[str]) -> list[str]:
    """All report stages of a study; what the page shows of kept experiments comes before it."""
    before = [name for name in alone if name == "experiments"]
    return [*_REPORTS[:-1], *before, _REPORTS[-1], *(name for name in alone if name not in before)]


def _stages(root: Path) -> dict[str, dict[str, Any]]:
    return yaml.safe_load((root / "dvc.yaml").read_text(encoding="utf-8"))["stages"]


def _files(place: Path, root: Path) -> list[Path]:
    files = [place] if place.is_file() else sorted(path for path in place.rglob("*") if path.is_file())
    return [path.relative_to(root) for path in files]


def evaluated(root: Path, project: params.Params, say: Say) -> list[str]:
    """What of the records does not come out of the weights and slices that are here."""
    broken: list[str] = []
    for study in STUDIES:
        exact = 0
        with tempfile.TemporaryDirectory() as scratch:
            for dataset, row in (
                (name, row)
                for name in record.datasets(root / paths.record(study))
                for row in record.runs(root / paths.record(study), name)
            ):
                training = Training(study, dataset, row["loss"], row["seed"])
                needed = paths.weights(training), *paths.slices(study, dataset), paths.summary(study, dataset)
                if not all((root / path).is_file() for path in needed):
                    continue
                if md5((root / needed[0]).read_bytes()) != row["weights_md5"]:
                    broken.append(f"{needed[0]}: not the weights that the record of {training} names")
                    continue
                turned, lines = _evaluated(root, Path(scratch), training, needed, str(row["device"]))
                broken += lines
                exact += not turned
                if 0 < turned <= _TURNED:
                    say(f"{training}: the weights give these counts but for {turned:.1e} of the pixels")
            if exact:
                say(f"{study}: {exact} trainings' tables follow from weights and slices, to the last pixel")
            broken += _released(root, Path(scratch), study, say)
    return broken


def _evaluated(root: Path, copy: Path, training: Training, needed: tuple[Path, ...], device: str) -> tuple[float, list[str]]:
    """The share of the pixels that are counted otherwise, and what does not hold. A CPU sums with as many threads as the
    ``device`` of the record, since others round otherwise."""
    for path in (Path("params.yaml"), paths.source(training.study, training.dataset), paths.record(training.study), *needed):
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        if not (copy / path).exists():
            (copy / path).symlink_to((root / path).resolve())
    given = zip(("study", "dataset", "loss", "seed"), training, strict=True)
    threads = re.search(r"(\d+) threads", device)
    environment = {"OMP_NUM_THREADS": threads[1]} if threads else {}
    _run(root, copy, str(root / "stages/evaluate.py"), *(f"--{name}={value}" for name, value in given), **environment)
    folder, turned = paths.record(training.study) / training.dataset, 0.0
    for table in record.MEASURED:
        kept, made = read_text(root / record.file(folder, table)), read_text(copy / paths.evaluated(training) / f"{table}.csv")
        kept = kept[(kept["loss"] == training.loss) & (kept["seed"] == str(training.seed))][[*kept.columns[2:]]]
        kept, made = kept.reset_index(drop=True), made[kept.columns]
        if table == "counts":
            turned = _turned(kept, made)
            if turned > _TURNED:
                return turned, [f"{folder}, {training}: the weights give other counts ({turned:.2%} of the pixels)"]
        if not turned and not kept.equals(made):
            return turned, [f"{record.file(folder, table)}, {training}: made again from the weights, it differs"]
    return turned, []


def _turned(kept: pd.DataFrame, made: pd.DataFrame) -> float:
    if not kept.drop(columns=COUNTS).equals(made.drop(columns=COUNTS)):
        return 1.0
    one, other = (table[COUNTS].astype("int64") for table in (kept, made))
    return float((one - other).abs().to_numpy().sum() / one.to_numpy().sum())


def _released(root: Path, copy: Path, study: str, say: Say) -> Iterator[str]:
    """The released models that do not come out of the weights they name, where these are here."""
    for file in sorted((root / RELEASED).glob(f"*{released.SUFFIX}")):
        made_from = model_file.load(file, torch.device("cpu")).made_from
        training = Training(*(made_from[name] for name in Training._fields))
        if training.study != study or not (copy / paths.weights(training)).exists():
            continue
        made = copy / file.name
        _run(root, copy, "-m", "cedice.cli", "release", *map(str, tuple(training)), "-o", str(made))
        if all(file.with_suffix(end).read_bytes() == made.with_suffix(end).read_bytes() for end in (released.SUFFIX, ".md")):
            say(f"{RELEASED / file.name} and its card are those of {training}")
        else:
            yield f"{RELEASED / file.name} or its card: released again from {training}, it differs"


def _run(root: Path, folder: Path, *arguments: str, **environment: str) -> None:
    status, output = _process(root, folder, *arguments, **environment)
    if status:
        raise CediceError(f"{Path(arguments[0]).name} {' '.join(arguments[1:])} failed: {output.strip()[-500:]}")


def _process(root: Path, folder: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    # The project's own code, not that of another checkout that may be installed.
    whole = os.environ | environment | {"PYTHONPATH": str(root / "src")}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=folder, env=whole, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr
