"""`python -m cedice.pipeline.repro STUDY`: train what the record of a study lacks, gather it, and make the study's reports.

What `run` in params.yaml names is made by the root's dvc.yaml alone. For another study the stages stand in files of their own
for as long as DVC works: those of a few missing trainings at a time (`cedice.pipeline.parts`), then `gather` in
`reports/<study>/dvc.yaml`, whose lock is the proof that goes with the record. So no tracked file is edited that has to be put
back: a killed run leaves these files, and the next run takes them in, and away.

Trainings run side by side, a core each (`--jobs`), which on a CPU does half as much again as one after the other.
"""

import argparse
import itertools
import json
import signal
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from cedice import machine, params, paths, yaml12
from cedice.errors import CediceError, reported
from cedice.evaluation import gather, record
from cedice.locks import locked
from cedice.params import Params
from cedice.paths import Training
from cedice.pipeline import parts, processes
from cedice.pipeline.parts import Group
from cedice.protocol import Study

LOCK = ".make-lock"  # of a checkout
_MEMORY = 3e9  # bytes that a training of 8 channels may take, with what evaluates it


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
    with locked(Path(LOCK), f"make {study}"):  # which DVC holds, too, as long as it lives
        for left in Path("reports").glob("*/dvc.yaml"):
            left.unlink()
        for left in Path("reports").glob(f"*/{parts.PART}"):
            parts.take_in(left)
        return (_of_run if study in project.run.studies else _of_record)(project, study, jobs)


def _of_run(project: Params, study: str, jobs: int) -> int:
    """The status of DVC for a study that `run` in params.yaml names: all its stages are the root's."""
    run = project.run
    status = _train(study, [Group(run.datasets, list(run.losses), run.seeds)], lambda _: nullcontext(""), jobs)
    status = status or processes.repro([_single(f"gather@{study}-{dataset}") for dataset in run.datasets], jobs)
    side = ["samples", "figure1"], ["table"]  # neither needs the other
    status = status or processes.repro([_single(*(f"{name}@{study}" for name in names)) for names in side], jobs)
    return status or processes.repro([(f"plot@{study}", *(["mixture"] if _namings(project, study) else []))])


def _of_record(project: Params, study: str, jobs: int) -> int:
    """The status of DVC for another study: what its record lacks, and its reports."""
    settings, namings, groups = project.study(study), _namings(project, study), missing(project, study)
    own, reported_here = paths.reports(study) / "dvc.yaml", study not in project.reports
    if groups and settings.hardware == "gpu" and not machine.gpu():
        from cedice.training import hardware  # noqa: PLC0415  (loads PyTorch, which takes seconds)

        hardware.require(study, settings.hardware)  # before DVC starts, and anything is downloaded
    status = _train(study, parts.few(groups, jobs), lambda group: parts.part(study, group), jobs)
    try:
        if not status and (groups or reported_here):
            names = ["gather", *(["mixture"] if namings else []), "samples", *(_reports() if reported_here else [])]
            parts.write(own, study, Group(list(settings.epochs), list(params.LOSSES), []), names, namings)
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


def _namings(project: Params, study: str) -> list[str]:
    """The namings of the mixtures, in a study that has them."""
    return list(params.NAMINGS) if study in project.mixture.studies else []


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


def _jobs() -> int:
    """Trainings at a time: as many as there are cores and memory for; one on a GPU."""
    return 1 if machine.gpu() else max(min(machine.cores(), int(machine.memory() / _MEMORY)), 1)


def _pictured(study: str, settings: Study) -> bool:
    """Whether the label maps of Figures 2 and 3 are here: those of the first seed. Else the figures stay as they are."""
    kinds = itertools.product(settings.epochs, params.LOSSES)
    first = (Training(study, dataset, loss, settings.seeds_of(dataset)[0]) for dataset, loss in kinds)
    return all(paths.labels(training, "averaged").is_file() for training in first)


def _reports() -> list[str]:
    """Names of the stages that every study of `reports` goes through, in their order."""
    return [name for name, stage in parts.stages().items() if stage.get("matrix") == {"study": "${reports}"}]


if __name__ == "__main__":
    main()
