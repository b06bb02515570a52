"""`python -m cedice.pipeline.without_dvc STUDY DATASET --minutes M --out FOLDER`: train what the record of a study lacks of a
data set on a machine without DVC, such as a GPU that is lent for minutes; the slices must be there.

The stages from `train` to `gather` run as `dvc.yaml` names them, seed by seed. When the minutes are over, the training that
runs ends, and the same command goes on from its last checkpoint; what is trained is evaluated and gathered, however long that
takes. What each stage made is noted in `.cedice/<study>.lock` in the form of a dvc.lock, by which the next call knows what need
not run again. After every training FOLDER has one file, to be unpacked in the project's root at home: the data set's folder of
the record, and the study's dvc.lock, which names the trainings by the hashes of the code, slices and parameters that made them.
The commands in these entries end in `NOTE`, since no DVC ran them.
"""

import argparse
import importlib.util
import os
import re
import shlex
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

import yaml

from cedice import paths, yaml12
from cedice.errors import CediceError, reported
from cedice.files import md5, replacing
from cedice.pipeline import lockfile

NEEDS = ("pandas", "pydantic", "safetensors", "scipy", "torch", "tqdm")  # by these stages, beside NumPy and PyYAML
NOTE = "# without DVC"
_KEPT = Path(".cedice")


class _TimeIsUpError(Exception):
    pass


def main() -> None:
    """Train until all is there or the minutes are over, with status 0 in both cases."""
    parser = argparse.ArgumentParser(description="Train what a record lacks where there is no DVC.")
    parser.add_argument("study")
    parser.add_argument("dataset")
    parser.add_argument("--minutes", type=float, required=True, help="train no longer than this")
    parser.add_argument("--out", type=Path, required=True, help="folder for the file that goes home")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with reported("interrupted; the same command goes on from the last checkpoint"):
        given = parser.parse_args()
        end = time.monotonic() + 60 * given.minutes
        if lacking := [name for name in NEEDS if importlib.util.find_spec(name) is None]:
            raise CediceError(f"not installed here: {', '.join(lacking)}; bring a folder of them and name it in PYTHONPATH")
        Lent(given.study, given.dataset, end).train(given.out)


class Lent:
    """What runs of a study on a data set, training until ``end`` by `time.monotonic`."""

    def __init__(self, study: str, dataset: str, end: float):
        self.study, self.dataset, self.end = study, dataset, end
        self.stages = yaml.safe_load(Path("dvc.yaml").read_text(encoding="utf-8"))["stages"]
        self.kept = _KEPT / f"{study}.lock"
        self.entries: lockfile.Entries = lockfile.read(self.kept) if self.kept.is_file() else {}

    def train(self, out: Path) -> None:
        """Both losses of a seed, then those of the next; after each training the file in the folder ``out``."""
        from cedice import params  # noqa: PLC0415  (after it is known that its packages are here)
        from cedice.pipeline import repro  # noqa: PLC0415

        project = params.load()
        params.check_name("study", self.study, params.STUDIES)
        params.check_name("dataset", self.dataset, tuple(project.study(self.study).epochs))
        groups = [group for group in repro.missing(project, self.study) if self.dataset in group.datasets]
        plan = sorted((seed, params.LOSSES.index(loss)) for group in groups for loss in group.losses for seed in group.seeds)
        done = 0
        try:
            for seed, loss in plan:
                training = {"loss": params.LOSSES[loss], "seed": seed}
                for stage in ("train", "evaluate"):
                    self._make(stage, **training)
                done += 1
                self._make("gather")
                self._pack(out)
        except _TimeIsUpError:
            print("the time is up; the same command goes on from the last checkpoint", flush=True)
        print(f"{done} of {len(plan)} trainings that the record lacked are done", flush=True)

    def _make(self, stage: str, **item: Any) -> None:
        """Run a stage, unless what it made is noted and follows from what is here."""
        item = {"study": self.study, "dataset": self.dataset} | item
        name, entry = f"{stage}@{'-'.join(map(str, item.values()))}", locked(self.stages[stage], item)
        if entry == self.entries.get(name):
            return
        script, *arguments = shlex.split(entry["cmd"], comments=True)[2:]  # after PYTHONPATH=src python
        self._run(script, *arguments)
        self.entries[name] = locked(self.stages[stage], item)
        lockfile.write(self.kept, self.entries)

    def _run(self, *words: str) -> None:
        """CediceError where the command fails; `_TimeIsUpError` after telling a training to end."""
        path = os.pathsep.join(["src", *filter(None, [os.environ.get("PYTHONPATH")])])
        process = subprocess.Popen([sys.executable, *words], env=os.environ | {"PYTHONPATH": path})
        try:
            status = process.wait(max(self.end - time.monotonic(), 0) if words[0] == "stages/train.py" else None)
        except subprocess.TimeoutExpired as error:
            raise _TimeIsUpError from error
        finally:
            process.terminate()
            process.wait()
        if status:
            raise CediceError(f"{' '.join(words)}: ended with status {status}")

    def _pack(self, out: Path) -> None:
        lock = paths.reports(self.study) / "dvc.lock"
        lockfile.write(lock, (lockfile.read(lock) if lock.is_file() else {}) | self.entries)
        with replacing(out / f"{self.study}-{self.dataset}.tar") as new, tarfile.open(new, "w") as packed:
            for path in (lock, paths.record(self.study) / self.dataset):
                packed.add(path)


def locked(stage: dict[str, Any], item: dict[str, Any]) -> dict[str, Any]:
    """The entry of a dvc.lock for a ``stage`` of dvc.yaml and one ``item`` of its matrix, by the files and parameters that are
    here; outputs that are not are left out. CediceError where a dependency is missing."""

    def filled(text: str) -> str:
        return re.sub(r"\$\{item\.(\w+)\}", lambda found: str(item[found[1]]), text)

    deps = [_described(Path(filled(path))) for path in stage["deps"]]
    outs = [Path(filled(out if isinstance(out, str) else next(iter(out)))) for out in stage["outs"]]
    raw, values = yaml12.read(Path("params.yaml")), {}
    for key in sorted(map(filled, stage.get("params", []))):
        value: Any = raw
        for name in key.split("."):
            value = value[name]
        values[key] = value
    return {
        "cmd": f"{filled(stage['cmd'])} {NOTE}",
        "deps": sorted(deps, key=lambda each: each["path"]),
        **({"params": {"params.yaml": values}} if values else {}),
        "outs": [_described(path) for path in sorted(outs) if path.exists()],
    }


def _described(path: Path) -> dict[str, Any]:
    """As a dvc.lock describes a file or folder, without what .dvcignore names."""
    if path.is_file():
        return {"path": path.as_posix(), "hash": "md5", "md5": md5(path.read_bytes()), "size": path.stat().st_size}
    if not path.is_dir():
        raise CediceError(f"{path}: not here; bring it along, as docs/reproduce.md says")
    files = [file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts]
    digest = lockfile.listed_md5([file.relative_to(path).as_posix() for file in files], lambda name: (path / name).read_bytes())
    size = sum(file.stat().st_size for file in files)
    return {"path": path.as_posix(), "hash": "md5", "md5": digest, "size": size, "nfiles": len(files)}


if __name__ == "__main__":
    main()
