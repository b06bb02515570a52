"""`python -m cedice.pipeline.repro STUDY`: train what the record of a study lacks, gather it, and make the study's reports.

What `run` in params.yaml names is made by the root's dvc.yaml alone. For another study the stages stand in files of their own
for as long as DVC works: those of a few missing trainings at a time in `reports/<study>/part/dvc.yaml`, since DVC reads and
writes a file's whole lock for each stage, and `gather` in `reports/<study>/dvc.yaml`. The lock beside it takes in that of each
part; it is the proof that goes with the record. A killed run leaves these files, and the next run takes them in, and away.

Trainings run side by side, a core each (`--jobs`), which on a CPU does half as much again as one after the other.
"""

import argparse
import itertools
import json
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from cedice import machine, params, paths, yaml12
from cedice.errors import CediceError, reported
from cedice.evaluation import gather, record
from cedice.files import write_text
from cedice.locks import locked
from cedice.params import Params
from cedice.paths import Training
from cedice.pipeline import lockfile, processes
from cedice.protocol import Study

_TRAINED = ("download", "preprocess", "train", "evaluate")
_PART, _TOGETHER = "part", 10  # so many trainings at a time, or as many as run side by side
LOCK = ".make-lock"  # of a checkout
_MEMORY = 3e9  # bytes that a training of 8 channels may take, with what evaluates it


class Group(NamedTuple):
    """Trainings that one `run` can name: every combination."""

    datasets: list[str]
    losses: list[str]
    seeds: list[int]


def main() -> None:
    """Run DVC; end with its status."""
    parser = argparse.ArgumentParser(description="Train what the record of a study lacks, and make its reports.")
    parser.add_argument("study", metavar="|".join(params.STUDIES))
    parser.add_argument(
        "--jobs", type=int, default=0, help="trainings at a time; default: as cores and memory allow, one on a GPU"
    )
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with reported("interrupted; the same command goes on from the last checkpoint"):
        given = parser.parse_args()
        sys.exit(repro(params.check_name("study", given.study, params.STUDIES), given.jobs or _jobs()))


def repro(study: str, jobs: int) -> int:
    """The status of DVC, in the project that is the current folder, with ``jobs`` trainings at a time. CediceError for a study
    without a data set, and where other parameters made its record."""
    project = params.load()
    settings = project.study(study)
    if not settings.epochs:
        raise CediceError(f"params.yaml: {study}.epochs names no data set yet; see docs/own-data.md")
    namings = list(params.NAMINGS) if study in project.mixture.studies else []
    with locked(Path(LOCK), f"make {study}"):  # which DVC holds, too, as long as it lives
        for left in Path("reports").glob("*/dvc.yaml"):
            left.unlink()
        for left in Path("reports").glob(f"*/{_PART}"):
            _take_in(left)
        if study in project.run.studies:
            run = project.run
            status = _train(study, [Group(run.datasets, list(run.losses), run.seeds)], lambda _: nullcontext(""), jobs)
            status = status or processes.repro([_single(f"gather@{study}-{dataset}") for dataset in run.datasets], jobs)
            side = ["samples"], _reports()[:-1]  # neither needs the other
            named = [_single(*(f"{name}@{study}" for name in names)) for names in side]
            status = status or processes.repro(named, jobs)
            return status or processes.repro([(f"plot@{study}", *(["mixture"] if namings else []))])
        own, reported_here = paths.reports(study) / "dvc.yaml", study not in project.reports
        groups = missing(project, study)
        if groups and settings.hardware == "gpu" and not machine.gpu():
            from cedice.training import hardware  # noqa: PLC0415  (loads PyTorch, which takes seconds)

            hardware.require(study, settings.hardware)  # before DVC starts, and anything is downloaded
        try:
            status = _train(study, _few(groups, jobs), lambda group: _part(study, group), jobs)
            everything = Group(list(settings.epochs), list(params.LOSSES), [])
            names = ["gather", *(["mixture"] if namings else []), "samples", *(_reports() if reported_here else [])]
            if not status and (groups or reported_here):
                _write(own, study, everything, names, namings)
            if groups and not status:
                trained = list(dict.fromkeys(dataset for group in groups for dataset in group.datasets))
                status = processes.repro([_single(f"{own}:gather@{study}-{dataset}") for dataset in trained], jobs)
                images = [f"{own}:mixture"] if namings else []
                images += [f"{own}:samples@{study}"] if _pictured(study, settings) else []
                status = status or processes.repro([_single(*images)] if images else [])
            if reported_here and not status:  # its reports are no stages of the root's dvc.yaml
                return processes.repro([_single(f"{own}:{name}@{study}") for name in _reports()])
        finally:
            own.unlink(missing_ok=True)
        return status or processes.repro([(f"plot@{study}",)])


def missing(project: Params, study: str) -> list[Group]:
    """What the study's record lacks: of a data set that was obtained anew since, and is another, all trainings. CediceError
    where other parameters than today's made what it has."""
    raw, settings = yaml12.read(Path("params.yaml")), project.study(study)
    groups: dict[tuple[tuple[str, ...], tuple[int, ...]], list[str]] = {}
    for dataset in settings.epochs:
        folder = paths.record(study) / dataset
        recorded = set()
        if (folder / "runs.json").is_file() and not _other_data(study, dataset):
            recorded = {(row["loss"], row["seed"]) for row in record.runs(folder.parent, dataset)}
            then = yaml12.read(folder / "params.yaml")
            now = gather.parameters(raw, study, dataset)
            for loss in params.LOSSES:
                if key := gather.differing(then, now, loss):
                    raise CediceError(
                        f"params.yaml: {key} is not what made {folder}; put it back, or delete that folder to train anew"
                    )
        lacking: dict[tuple[int, ...], list[str]] = {}
        for loss in params.LOSSES:
            seeds = tuple(seed for seed in settings.seeds_of(dataset) if (loss, seed) not in recorded)
            lacking.setdefault(seeds, []).append(loss)
        for seeds, losses in lacking.items():
            if seeds:
                groups.setdefault((tuple(losses), seeds), []).append(dataset)
    return [Group(datasets, list(losses), list(seeds)) for (losses, seeds), datasets in groups.items()]


def _other_data(study: str, dataset: str) -> bool:
    """Whether what `download` obtained here holds other bytes than the data set that made the record."""
    obtained = paths.source(study, dataset)
    if not obtained.is_file():
        return False
    then, now = record.described(paths.record(study), dataset)["source"], json.loads(obtained.read_text(encoding="utf-8"))
    return then["sha256"] != now["sha256"]


def _train(study: str, groups: list[Group], file: Callable[[Group], AbstractContextManager[str]], jobs: int) -> int:
    """The status of DVC for the trainings of the ``groups``, each in the dvc.yaml that ``file`` lays out and names."""
    whole, before, begun = sum(len(list(itertools.product(*group))) for group in groups), 0, time.monotonic()

    def told(done: int) -> None:
        done += before
        left = (time.monotonic() - begun) / done * (whole - done) / 60
        print(f"training {done} of {whole} done, about {left:.0f} min left", flush=True)

    for group in groups:
        names = ["-".join(map(str, name)) for name in itertools.product(*group)]
        with file(group) as place:
            data = [(f"{place}preprocess@{study}-{dataset}",) for dataset in group.datasets]
            # Single items: side by side DVC would lock the data stages before them, each against the other.
            trained = [_single(*(f"{place}{stage}@{study}-{name}" for stage in ("train", "evaluate"))) for name in names]
            if status := processes.repro(data, jobs) or processes.repro(trained, jobs, told):
                return status
        before += len(names)
    return 0


def _single(*targets: str) -> processes.Targets:
    return "--single-item", *targets


def _few(groups: list[Group], jobs: int) -> list[Group]:
    """The same trainings in groups of `_TOGETHER` or so, by their seeds."""
    few = []
    for group in groups:
        most = max(max(_TOGETHER, jobs) // (len(group.datasets) * len(group.losses)), 1)
        few += [group._replace(seeds=group.seeds[start : start + most]) for start in range(0, len(group.seeds), most)]
    return few


@contextmanager
def _part(study: str, group: Group) -> Iterator[str]:
    """Within, these trainings and their data are stages of a dvc.yaml of their own; what was made of them goes into the study's
    lock then."""
    folder, lock = paths.reports(study) / _PART, paths.reports(study) / "dvc.lock"
    stems = [f"-{'-'.join(map(str, name))}" for name in (*itertools.product(*group), *itertools.product(group.datasets))]
    wanted = {f"{stage}@{study}{stem}" for stage in _TRAINED for stem in stems}
    known = {stage: entry for stage, entry in (lockfile.read(lock) if lock.is_file() else {}).items() if stage in wanted}
    if known:
        lockfile.write(folder / lock.name, known)
    _write(folder / "dvc.yaml", study, group, _TRAINED)
    try:
        yield f"{folder / 'dvc.yaml'}:"
    finally:
        _take_in(folder)


def _take_in(folder: Path) -> None:
    """Put the lock of a part into the study's, and take the part away."""
    part, whole = folder / "dvc.lock", folder.parent / "dvc.lock"
    if part.is_file():
        with suppress(CediceError):  # DVC was killed while it wrote it, and has what it names in its cache
            lockfile.write(whole, (lockfile.read(whole) if whole.is_file() else {}) | lockfile.read(part))
    shutil.rmtree(folder)


def _jobs() -> int:
    """Trainings at a time: as many as there are cores and memory for; one on a GPU."""
    return 1 if machine.gpu() else max(min(machine.cores(), int(machine.memory() / _MEMORY)), 1)


def _pictured(study: str, settings: Study) -> bool:
    """Whether the label maps of Figures 2 and 3 are here: those of the first seed. Else the figures stay as they are."""
    kinds = itertools.product(settings.epochs, params.LOSSES)
    first = (Training(study, dataset, loss, settings.seeds_of(dataset)[0]) for dataset, loss in kinds)
    return all(paths.labels(training, "averaged").is_file() for training in first)


def _write(file: Path, study: str, group: Group, names: Iterable[str], namings: Iterable[str] = ()) -> None:
    """These stages of the root's dvc.yaml, for one study and these trainings, in another ``file`` of the project."""
    stages, root = _stages(), "/".join([".."] * len(file.parent.parts))
    run = {"studies": [study], **group._asdict(), "mixtures": [*namings]}
    content = {"vars": [{"run": run, "reports": [study]}], "stages": {name: {"wdir": root} | stages[name] for name in names}}
    write_text(file, yaml.safe_dump(content, sort_keys=False))


def _stages() -> dict[str, Any]:
    return yaml.safe_load(Path("dvc.yaml").read_text(encoding="utf-8"))["stages"]


def _reports() -> list[str]:
    """Names of the stages that every study of `reports` goes through, in their order."""
    return [name for name, stage in _stages().items() if stage.get("matrix") == {"study": "${reports}"}]


if __name__ == "__main__":
    main()
