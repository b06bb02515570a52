"""The folder that results go to: whose files they are, and how new ones come in.

`cedice-written.csv` there has a row for every file that cedice wrote: file, sha256, scan (its name), scan_sha256, model (its
name), model_sha256 and threshold, at which the labels were made. A file that is not in it, or differs from it, is somebody
else's work: a person's own labels, or labels corrected by hand. So are the results of another model, or at another threshold.

Any number of processes may write into one folder. Each labels into a scratch folder of its own, and moves the results in under
the folder's lock. The last file that a scratch folder gets is the list as it will be: from then on the results are complete,
and where the process is killed while they move, the next one finishes that.
"""

import csv
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

from cedice import locks
from cedice.data import reading
from cedice.errors import CediceError
from cedice.files import replacing, sha256

MANIFEST = "cedice-written.csv"
VOLUMES = "volumes.csv"
LOCK = ".cedice-lock"
_COLUMNS = ["scan", "class", "voxels", "ml", "model", "threshold"]
_HALF = "0.5"  # of lists from before there was another
_SCRATCH = ".cedice-results-"


class _Written(NamedTuple):
    file: str
    sha256: str
    scan: str
    scan_sha256: str
    model: str = ""  # version 0.1.0 named none
    model_sha256: str = ""
    threshold: str = _HALF


def names(scan: Path, probabilities: bool) -> list[str]:
    """The files that are made of a scan."""
    name, volume = reading.scan_name(scan), reading.is_volume(scan)
    kept = [f"{name}_probabilities.{'nii.gz' if volume else 'npz'}"] if probabilities else []
    return [f"{name}_labels.{'nii.gz' if volume else 'png'}", f"{name}_preview.png", *kept]


class Results:
    """One folder, to which one model's results at one threshold go."""

    def __init__(self, folder: Path, model: Path, overwrite: bool = False, threshold: float = 0.5):
        """``model``: its file; ``overwrite``: replace what is somebody else's, too. CediceError where ``folder`` is a file."""
        if folder.exists() and not folder.is_dir():
            raise CediceError(f"{folder}: a folder is needed for the results, but this is a file")
        self.folder, self.model, self.threshold, self.overwrite = folder, model.stem, threshold, overwrite
        self._model_sha256 = sha256(model)

    def check(self, targets: dict[Path, list[str]]) -> None:
        """Refuse, with a CediceError that lists them, ``targets`` {scan: names of its results} of which one is itself a scan to
        be labelled, those that would replace a file that cedice did not write, and the results of another model, at another
        threshold, or of another scan of that name. CediceError, too, where the list of what was written is none of cedice's."""
        scans = {os.path.realpath(scan) for scan in targets} | {_place(scan) for scan in targets}
        if inputs := [name for of_scan in targets.values() for name in of_scan if _place(self.folder / name) in scans]:
            raise CediceError(f"{self.folder / inputs[0]} is itself to be labelled; choose another folder with -o")
        lock = self.folder / LOCK
        if not lock.exists():  # nobody has written here, and a refusal leaves nothing, not even a lock
            try:
                self._check(targets)
                return
            except CediceError:
                if not lock.exists():  # else somebody has just begun to move files in
                    raise
        with self._alone():
            self._check(targets)

    @contextmanager
    def adding(self, scan: Path, sizes: list[dict[str, object]]) -> Iterator[Path]:
        """Give a folder to write a scan's results into; when the block ends well, move them in, and its rows in `volumes.csv`.
        Results of an earlier run that have no successor go. A failure, or Ctrl-C, leaves all as it was; while they
        move in, Ctrl-C waits. CediceError for what `check` refuses, which may have come since."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with locks.scratch(self.folder, _SCRATCH) as new:
            yield new
            name, of_scan, hashes = reading.scan_name(scan), sha256(scan), {file.name: sha256(file) for file in new.iterdir()}
            with self._alone():
                listed = self._check({scan: list(hashes)})
                self._merge(new / VOLUMES, name, sizes)
                origin = name, of_scan, self.model, self._model_sha256, str(self.threshold)
                rows = [_Written(file, digest, *origin) for file, digest in hashes.items()]
                rows.append(_Written(VOLUMES, sha256(new / VOLUMES), "", "", threshold=""))
                kept = [row for row in listed if row.scan != name and row.file not in {VOLUMES, *hashes}]
                with locks.uninterrupted():
                    with replacing(new / MANIFEST) as file:
                        _write(file, list(_Written._fields), [row._asdict() for row in sorted(kept + rows)])
                    self._move_in(new)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Under the lock, and after what a killed process had begun to move in is there."""
        with locks.locked(self.folder / LOCK, "cedice predict"):
            locks.clear(self.folder, _SCRATCH, self._finish)
            yield

    def _finish(self, left: Path) -> None:
        if not (left / MANIFEST).is_file():
            return
        listed = _listed(self.folder / MANIFEST)
        for file in left.iterdir():
            if file.name != MANIFEST and os.path.lexists(self.folder / file.name) and not self._is_ours(file.name, listed):
                file.unlink()  # what a person has put there since stays
        self._move_in(left)

    def _move_in(self, new: Path) -> None:
        before, after = _listed(self.folder / MANIFEST), {row.file for row in _listed(new / MANIFEST)}
        for row in before:
            if row.file not in after and self._is_ours(row.file, before):
                (self.folder / row.file).unlink()
        for file in after:
            if (new / file).exists():
                (new / file).replace(self.folder / file)
        (new / MANIFEST).replace(self.folder / MANIFEST)

    def _check(self, targets: dict[Path, list[str]]) -> list[_Written]:
        """The list of what was written; CediceError as `check`, but for the inputs."""
        listed = _listed(self.folder / MANIFEST)
        problems = {VOLUMES: self._problem(VOLUMES, None, listed)}
        for scan, of_scan in targets.items():
            digest = cache(partial(sha256, scan))
            problems |= {name: self._problem(name, digest, listed) for name in of_scan}
        if folders := [name for name, problem in problems.items() if problem and _is_folder(self.folder / name)]:
            raise CediceError(f"{self.folder / folders[0]}: a folder has the name of a file to be written; move it away")
        found = [f"{name} ({problem})" for name, problem in problems.items() if problem]
        if found and not self.overwrite:
            more = f" and {len(found) - 3} more" if len(found) > 3 else ""
            mend = "choose another folder with -o, or insist with --overwrite"
            raise CediceError(f"{self.folder}: would replace {', '.join(found[:3])}{more}; {mend}")
        return listed

    def _problem(self, name: str, scan_sha256: Callable[[], str] | None, listed: list[_Written]) -> str:
        if not os.path.lexists(self.folder / name):
            return ""
        rows = [row for row in listed if row.file == name]
        if not rows:
            return "cedice did not write it"
        if not self._is_ours(name, listed):
            return "changed since cedice wrote it"
        return "" if scan_sha256 is None else self._other_origin(rows[-1], scan_sha256)

    def _other_origin(self, row: _Written, scan_sha256: Callable[[], str]) -> str:
        if self._model_sha256 != row.model_sha256:
            return f"of another model named {row.model}" if row.model else "of a model that the list does not name"
        if str(self.threshold) != row.threshold:
            return f"at a threshold of {row.threshold}"
        try:
            return "" if scan_sha256() == row.scan_sha256 else "of another scan of this name"
        except OSError:  # no scan that can be labelled, which is said in its turn
            return ""

    def _is_ours(self, name: str, listed: list[_Written]) -> bool:
        target = self.folder / name
        return target.is_file() and sha256(target) in [row.sha256 for row in listed if row.file == name]

    def _merge(self, new: Path, scan: str, sizes: list[dict[str, object]]) -> None:
        """Text stays as it is: a scan may be called NA or 001."""
        rows: list[dict] = []
        if (self.folder / VOLUMES).is_file():
            with (self.folder / VOLUMES).open(encoding="utf-8", newline="") as file:
                reader = csv.DictReader(file)
                known = reader.fieldnames in (_COLUMNS, _COLUMNS[:-1], _COLUMNS[:-2])  # version 0.1.0 named no model
                rows = [{"threshold": _HALF} | row for row in reader if row["scan"] != scan] if known else []
        _write(new, _COLUMNS, rows + [size | {"model": self.model, "threshold": self.threshold} for size in sizes])


def _listed(file: Path) -> list[_Written]:
    if not file.exists():
        return []
    try:
        with file.open(encoding="utf-8", newline="") as stream:
            return [_Written(**row) for row in csv.DictReader(stream)]
    except (TypeError, ValueError, csv.Error) as error:
        raise CediceError(f"{file}: not the list of files that cedice wrote; move it away, or choose another folder") from error


def _write(file: Path, columns: list[str], rows: list[dict]) -> None:
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _place(path: Path) -> str:
    """Where a file would be written: a link in its place is replaced, not followed."""
    return os.path.join(os.path.realpath(path.parent), path.name)  # noqa: PTH118  (as realpath gives it)
