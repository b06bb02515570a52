"""Does what is reported follow from what is there? Behind `cedice verify`, and the first half of the reproduction gate.

For every study with results, as far as there is something to compute from:
1. DVC finds every stage up to date: no line of code, parameter, number or figure was changed after `dvc.lock` was written.
2. Tables, verdict, claims and figures are made again from counts, distances and histories: the same bytes.
3. Where slices and weights are there, counts and distances are made again from them: the same bytes (or, on another device
   than the one they are from, the same counts but for a pixel in `_TURNED`), and so are the released models of them.
All is made in a temporary folder: nothing here is changed. Trainings take days, so that `dvc commit` may keep them when code
changes that does not concern them: of which revision they are, where what decides a training differs from it, is said.
"""

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
import torch
import yaml

from cedice import params, paths
from cedice.errors import CediceError
from cedice.evaluation.counts import COUNTS
from cedice.inference import model_file, released
from cedice.params import LOSSES, STUDIES
from cedice.paths import READOUTS, Training
from cedice.pipeline.workspace import copied, select
from cedice.protocol import Study
from cedice.training import provenance

RELEASED = Path("models/released")
_TURNED = 1e-3
_OF_TRAININGS = ("history", "epochs", "runs", "counts", "calibration", "surfaces", "targets", "errors", "volumes")
_BY_HAND = ("cost.csv", "rates.csv", "rates.md")
_MADE_FROM = ("data", *_OF_TRAININGS, "experiments", "mixture", *_BY_HAND)  # what is not made again


def verify(root: Path, say: Callable[[str], None]) -> list[str]:
    """Check the project at ``root``; ``say`` hears what holds, the list says what does not. CediceError for no project."""
    if not (root / "dvc.yaml").is_file():
        raise CediceError("no dvc.yaml here; run from the project's root")
    project = params.load(root / "params.yaml")
    studies = [study for study in STUDIES if (root / paths.reports(study) / "metrics.json").is_file()]
    if not studies:
        raise CediceError("no study has results here; run `make demo`, or get them from Git")
    broken = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # the work is in processes of their own
        for told, found in pool.map(lambda study: _of_study(root, study, project.study(study)), studies):
            for line in told:
                say(line)
            broken += found
    return broken


def _of_study(root: Path, study: str, settings: Study) -> tuple[list[str], list[str]]:
    """What holds, and what does not."""
    told: list[str] = []
    broken = _stale(root, study, told.append)
    if not any((root / paths.reports(study) / "counts").rglob("*.csv")):
        return told, broken  # of the demo Git holds its headline numbers alone
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch)
        shutil.copytree(root / "reports", copy / "reports")
        shutil.copy(root / "params.yaml", copy)
        found = [*_made_again(root, copy, study, settings), *_evaluated_again(root, copy, study, settings, told.append)]
    if not found:
        told.append(f"{study}: tables, verdict and figures follow from counts, distances and histories, byte for byte")
    told += _earlier(root, study, settings)
    return told, broken + found


def _earlier(root: Path, study: str, settings: Study) -> Iterator[str]:
    """A line for each revision of which trainings are, and from which the code that decides a training differs now."""
    records = [root / paths.run_record(training) for training in _trainings(root, study, settings)]
    revisions = Counter(json.loads(record.read_text(encoding="utf-8"))["revision"] for record in records if record.is_file())
    for revision, trainings in revisions.items():
        commit = revision.removesuffix("+changes")
        code = *(f"src/cedice/{name}" for name in provenance.CODE), "stages/train.py"
        try:
            provenance.git("-C", str(root), "diff", "--quiet", commit, "--", *code)
        except (OSError, subprocess.CalledProcessError):  # it differs, or this repository does not know the commit
            yield f"{study}: {trainings} trainings stand as recorded, by revision {commit[:7]}; what trains has changed since"


def _stale(root: Path, study: str, say: Callable[[str], None]) -> list[str]:
    asked = ("-m", "dvc", "repro", "--dry", "--allow-missing", "--keep-going", *_targets(root, study))
    status, output = 0, ""
    settings = params.load(root / "params.yaml").study(study)
    with copied(root, study) as copy:
        for datasets, seeds in _asked(root, study, settings) or [([], [])]:
            select(copy, study, datasets, seeds)
            failed, told = _process(root, copy, *asked)
            status, output = status or failed, output + told
    # A stage that would run but lacks its data here "fails" in the dry run too.
    lines = [line for line in output.splitlines() if line.startswith(("Running stage", "ERROR: failed to reproduce"))]
    stale = [stage for line in lines for stage in re.findall(r"'([\w@.-]+)'", line)]
    if status and not stale:
        raise CediceError(f"dvc repro --dry failed: {output.strip()[-500:]}")
    if not stale:
        say(f"{study}: up to date against dvc.lock")
    return [f"{stage}: code, parameters or results are not those of dvc.lock" for stage in dict.fromkeys(stale)]


def _asked(root: Path, study: str, settings: Study) -> list[tuple[list[str], list[int]]]:
    """`Study.groups` of the data sets with trainings, without those whose trainings lack files that a training writes today:
    these are of a revision before, stand as recorded, and no `dvc.lock` of today can have them."""
    trainings = _trainings(root, study, settings)
    recorded = [training for training in trainings if (root / paths.run_record(training)).is_file()]
    before = {training.dataset for training in recorded if not (root / paths.epochs(training)).is_file()}
    asked = {training.dataset for training in trainings} - before
    groups = [([dataset for dataset in datasets if dataset in asked], seeds) for datasets, seeds in settings.groups()]
    return [group for group in groups if group[0]]


def _targets(root: Path, study: str) -> list[str]:
    mixtures = ["mixture"] if (root / paths.reports(study) / "mixture").is_dir() else []
    return [f"page@{study}", *mixtures, *_alone(root, study)]


def _stages(root: Path) -> dict[str, dict[str, Any]]:
    return yaml.safe_load((root / "dvc.yaml").read_text(encoding="utf-8"))["stages"]


def _alone(root: Path, study: str) -> dict[str, dict[str, Any]]:
    """The stages that exist once, and for this study."""
    return {
        name: stage
        for name, stage in _stages(root).items()
        if "matrix" not in stage and stage["cmd"].endswith(f" --study {study}")
    }


def _of_reports(root: Path) -> list[str]:
    """Names of the stages that every study of `reports` goes through, in their order."""
    return [name for name, stage in _stages(root).items() if stage.get("matrix") == {"study": "${reports}"}]


def _trainings(root: Path, study: str, settings: Study) -> list[Training]:
    kinds = itertools.product(paths.counted(study, settings.epochs, root), LOSSES)
    return [Training(study, dataset, loss, seed) for dataset, loss in kinds for seed in settings.seeds_of(dataset)]


def _made_again(root: Path, copy: Path, study: str, settings: Study) -> Iterator[str]:
    made = [path for path in (copy / paths.reports(study)).rglob("*") if path.is_file()]
    made = [path for path in made if path.relative_to(copy / paths.reports(study)).parts[0] not in _MADE_FROM]
    trainings = _trainings(root, study, settings)
    needed = [path for dataset in {training.dataset for training in trainings} for path in paths.slices(study, dataset)]
    needed += [paths.predictions(*each) for each in itertools.product(trainings, READOUTS)]
    images = all((root / path).is_file() for path in needed)
    if images:
        (copy / "data").mkdir(exist_ok=True)
        (copy / "data" / study).symlink_to(root / "data" / study)
    else:
        made = [path for path in made if path.parent.name != "samples"]
    *reports, page = _of_reports(root)  # the page is of all others
    alone = {name: [copy / next(iter(out)) for out in stage["outs"]] for name, stage in _alone(root, study).items()}
    alone = {name: outs for name, outs in alone.items() if all(out.exists() for out in outs)}
    names = [*(["samples"] if images else []), *reports, *alone, page]
    if "experiments" not in alone:
        made = [path for path in made if path.name != "experiments.md"]  # it says that none is kept
    outs = [out for outs in alone.values() for out in outs]
    made += [file for out in outs for file in ([out] if out.is_file() else out.iterdir())]
    for path in dict.fromkeys(made):
        path.unlink()
    _run(root, copy, "-m", "cedice.pipeline.series", study, *(str(root / "stages" / f"{name}.py") for name in names))
    if images:
        (copy / "data" / study).unlink()
    for path in made:
        file = path.relative_to(copy)
        if not path.is_file() or path.read_bytes() != (root / file).read_bytes():
            yield f"{file}: made again, it differs"


def _evaluated_again(root: Path, copy: Path, study: str, settings: Study, say: Callable[[str], None]) -> Iterator[str]:
    exact = 0
    for training in _trainings(root, study, settings):
        needed = [paths.weights(training), *paths.slices(training.study, training.dataset)]
        if not all((root / path).is_file() for path in needed):
            continue
        for path in needed:
            (copy / path).parent.mkdir(parents=True, exist_ok=True)
            if not (copy / path).exists():
                (copy / path).symlink_to(root / path)
        arguments = [f"--{name}={value}" for name, value in zip(("study", "dataset", "loss", "seed"), training, strict=True)]
        _run(root, copy, str(root / "stages/evaluate.py"), *arguments)
        tables = [paths.counts(training, readout) for readout in READOUTS]
        turned = max(_turned(root / table, copy / table) for table in tables)
        if turned > _TURNED:
            yield f"{tables[0]}, or of the averaged network: the weights give other counts ({turned:.2%} of the pixels)"
        elif turned:
            say(f"{training}: the weights give these counts but for {turned:.1e} of the pixels")
        else:
            exact += 1
            _run(root, copy, str(root / "stages/measure.py"), *arguments)
            measured = itertools.product((paths.surfaces, paths.targets, paths.errors, paths.volumes), READOUTS)
            for path in (kind(training, readout) for kind, readout in measured):
                if (copy / path).read_bytes() != (root / path).read_bytes():
                    yield f"{path}: made again from the weights, it differs"
    if exact:
        say(f"{study}: {exact} trainings' counts follow from weights and slices, to the last pixel")
        yield from _released_again(root, copy, study, say)


def _released_again(root: Path, copy: Path, study: str, say: Callable[[str], None]) -> Iterator[str]:
    for file in sorted((root / RELEASED).glob(f"*{released.SUFFIX}")):
        made_from = model_file.load(file, torch.device("cpu")).made_from
        training = Training(*(made_from[name] for name in Training._fields))
        weights = paths.weights(training)
        if training.study != study or not (copy / weights).exists():
            continue
        again = copy / file.name
        _run(root, copy, "-m", "cedice.cli", "release", *map(str, tuple(training)), "-o", str(again))
        for suffix in (released.SUFFIX, ".md"):
            if file.with_suffix(suffix).read_bytes() != again.with_suffix(suffix).read_bytes():
                yield f"{RELEASED / file.stem}{suffix}: released again from {training}, it differs"
                break
        else:
            say(f"{RELEASED / file.name} and its card are those of {training}")


def _turned(here: Path, again: Path) -> float:
    """The share of the pixels that are counted otherwise."""
    one, other = (pd.read_csv(path) for path in (here, again))
    if not one.drop(columns=COUNTS).equals(other.drop(columns=COUNTS)):
        return 1.0
    return float((one[COUNTS] - other[COUNTS]).abs().to_numpy().sum() / one[COUNTS].to_numpy().sum())


def _run(root: Path, folder: Path, *arguments: str) -> None:
    status, output = _process(root, folder, *arguments)
    if status:
        raise CediceError(f"{Path(arguments[0]).name} {' '.join(arguments[1:])} failed: {output.strip()[-500:]}")


def _process(root: Path, folder: Path, *arguments: str) -> tuple[int, str]:
    # The project's own code, not that of another checkout that may be installed.
    environment = os.environ | {"PYTHONPATH": str(root / "src")}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr
