"""A temporary copy of the project in which DVC can be asked about one study, whatever `run` and `reports` name here."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from cedice.params import NAMINGS
from cedice.pipeline.lock import part

_COPIED = ("dvc.yaml", "dvc.lock", ".dvcignore", "params.yaml", "src", "stages", "reports")
_LINKED = ("data", "models")  # large, and never written to


@contextmanager
def copied(root: Path, study: str) -> Iterator[Path]:
    """The project at ``root`` without empty folders, on the same disk, with the large files of ``study`` alone."""
    scratch = root / ".cedice"
    scratch.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch) as name:
        folder = Path(name)
        for top in (*_COPIED, *(f"{kind}/{study}" for kind in _LINKED)):
            for path in _files(root / top):
                target = folder / path.relative_to(root)
                target.parent.mkdir(parents=True, exist_ok=True)
                (os.link if path.relative_to(root).parts[0] in _LINKED else shutil.copy)(path, target)
        lock = folder / "dvc.lock"
        if lock.is_file():  # DVC is slow to read what is not asked
            lock.write_text(part(lock.read_text(encoding="utf-8"), study), encoding="utf-8")
        (folder / ".dvc").mkdir()
        (folder / ".dvc/config").write_text("[core]\n    no_scm = true\n    analytics = false\n    check_update = false\n")
        yield folder


def select(folder: Path, study: str, datasets: list[str], seeds: list[int]) -> None:
    """Let the params.yaml in ``folder`` name these trainings and the reports of ``study``, and nothing else. Without
    ``datasets`` the trainings that it names stay, as DVC has no loop over nothing."""
    path = folder / "params.yaml"
    params = yaml.safe_load(path.read_text(encoding="utf-8"))
    if datasets:
        namings = list(NAMINGS) if study in params["mixture"]["studies"] else []
        trainings = {"datasets": datasets, "losses": list(params["loss"]), "seeds": seeds}
        params["run"] = {"studies": [study], **trainings, "mixtures": namings}
    params["reports"] = [study]
    path.write_text(yaml.safe_dump(params, sort_keys=False, allow_unicode=True), encoding="utf-8")


def _files(top: Path) -> list[Path]:
    if top.is_file():
        return [top]
    return sorted(path for path in top.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
