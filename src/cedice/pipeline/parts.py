"""Stages of the root's dvc.yaml in files of their own, for as long as DVC works on a study.

DVC reads and writes the whole lock of a file for each of its stages. So a few trainings at a time stand in
`reports/<study>/part/dvc.yaml`, and the lock beside that goes into the study's, `reports/<study>/dvc.lock`, when they are done.
"""

import itertools
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from cedice import paths
from cedice.errors import CediceError
from cedice.files import write_text
from cedice.pipeline import lockfile

PART, TOGETHER = "part", 10  # so many trainings at a time, or as many as run side by side
_TRAINED = ("download", "preprocess", "train", "evaluate")


class Group(NamedTuple):
    """Trainings that one `run` can name: every combination."""

    datasets: list[str]
    losses: list[str]
    seeds: list[int]


def few(groups: list[Group], jobs: int) -> list[Group]:
    """The same trainings in groups of `TOGETHER` or so, by their seeds."""
    found = []
    for group in groups:
        most = max(max(TOGETHER, jobs) // (len(group.datasets) * len(group.losses)), 1)
        found += [group._replace(seeds=group.seeds[start : start + most]) for start in range(0, len(group.seeds), most)]
    return found


@contextmanager
def part(study: str, group: Group) -> Iterator[str]:
    """Within, these trainings and their data are stages of a dvc.yaml of their own; what was made of them goes into the study's
    lock then."""
    folder, lock = paths.reports(study) / PART, paths.reports(study) / "dvc.lock"
    stems = [f"-{'-'.join(map(str, name))}" for name in (*itertools.product(*group), *itertools.product(group.datasets))]
    wanted = {f"{stage}@{study}{stem}" for stage in _TRAINED for stem in stems}
    known = {stage: entry for stage, entry in (lockfile.read(lock) if lock.is_file() else {}).items() if stage in wanted}
    if known:
        lockfile.write(folder / lock.name, known)
    write(folder / "dvc.yaml", study, group, _TRAINED)
    try:
        yield f"{folder / 'dvc.yaml'}:"
    finally:
        take_in(folder)


def take_in(folder: Path) -> None:
    """Put the lock of a part into the study's, and take the part away. Where the study's lock is not readable, CediceError, and
    the part stays."""
    ours, lock = folder / "dvc.lock", folder.parent / "dvc.lock"
    if ours.is_file():
        whole = lockfile.read(lock) if lock.is_file() else {}
        with suppress(CediceError):  # DVC was killed while it wrote it, and has what it names in its cache
            lockfile.write(lock, whole | lockfile.read(ours))
    shutil.rmtree(folder)


def write(file: Path, study: str, group: Group, names: Iterable[str], namings: Iterable[str] = ()) -> None:
    """These stages of the root's dvc.yaml, for one study and these trainings, in another ``file`` of the project."""
    whole, root = stages(), "/".join([".."] * len(file.parent.parts))
    run = {"studies": [study], **group._asdict(), "mixtures": [*namings]}
    content = {"vars": [{"run": run, "reports": [study]}], "stages": {name: {"wdir": root} | whole[name] for name in names}}
    write_text(file, yaml.safe_dump(content, sort_keys=False))


def stages() -> dict[str, Any]:
    """Those of the root's dvc.yaml, by name."""
    return yaml.safe_load(Path("dvc.yaml").read_text(encoding="utf-8"))["stages"]
