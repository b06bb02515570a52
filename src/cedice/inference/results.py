"""The folder that results go to: whose files they are, and how new ones come in.

`cedice-written.csv` there has a row for every file that cedice wrote: file, sha256, scan (its name) and scan_sha256. A file
that is not in it, or differs from it, is somebody else's work: a person's own labels, or labels corrected by hand.
"""

import csv
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from cedice.errors import CediceError
from cedice.files import replacing, sha256, uninterrupted

MANIFEST = "cedice-written.csv"
VOLUMES = "volumes.csv"
_COLUMNS = ["scan", "class", "voxels", "ml"]
_SCRATCH = ".cedice-"


class _Written(NamedTuple):
    file: str
    sha256: str
    scan: str
    scan_sha256: str


class Results:
    """One folder, of one writer at a time."""

    def __init__(self, folder: Path):
        """CediceError where ``folder`` is a file, or its list of what was written is none of cedice's."""
        if folder.exists() and not folder.is_dir():
            raise CediceError(f"{folder}: a folder is needed for the results, but this is a file")
        self.folder = folder
        self._written = self._listed()

    def check(self, targets: dict[Path, list[str]], overwrite: bool) -> None:
        """Refuse, with a CediceError that lists them, ``targets`` {scan: names of its results} of which one is itself a scan to
        be labelled; and without ``overwrite`` those that would replace a file that cedice did not write, or the results of
        another scan of that name."""
        scans = {os.path.realpath(scan) for scan in targets} | {_place(scan) for scan in targets}
        names = [name for of_scan in targets.values() for name in of_scan]
        if inputs := [name for name in names if _place(self.folder / name) in scans]:
            raise CediceError(f"{self.folder / inputs[0]} is itself to be labelled; choose another folder with -o")
        problems = {VOLUMES: self._foreign(VOLUMES, None)} | {
            name: self._foreign(name, scan) for scan, of_scan in targets.items() for name in of_scan
        }
        found = [f"{name} ({problem})" for name, problem in problems.items() if problem]
        if found and not overwrite:
            more = f" and {len(found) - 3} more" if len(found) > 3 else ""
            mend = "choose another folder with -o, or insist with --overwrite"
            raise CediceError(f"{self.folder}: would replace {', '.join(found[:3])}{more}; {mend}")

    @contextmanager
    def adding(self, scan: Path, name: str, sizes: list[dict[str, object]]) -> Iterator[Path]:
        """Give a folder to write a scan's results into; when the block ends well, move them in, and its rows in `volumes.csv`.
        Results of an earlier run that have no successor go. A failure, or Ctrl-C, leaves all as it was; while they
        move in, Ctrl-C waits."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for left in self.folder.glob(f"{_SCRATCH}*.part"):  # by a process that was killed
            shutil.rmtree(left)
        with tempfile.TemporaryDirectory(dir=self.folder, prefix=_SCRATCH, suffix=".part") as scratch:
            yield Path(scratch)
            self._merge(Path(scratch) / VOLUMES, name, sizes)
            files, scan_sha256 = sorted(Path(scratch).iterdir()), sha256(scan)
            new = [
                _Written(file.name, sha256(file), *(("", "") if file.name == VOLUMES else (name, scan_sha256)))
                for file in files
            ]
            names = {row.file for row in new}
            before = [row for row in self._written if row.file in names or row.scan == name]
            kept = [row for row in self._written if row not in before]
            with uninterrupted():
                self._list(kept + before + new)  # a process that is killed from here on leaves nothing that it would not know
                for row in before:
                    if row.file not in names and self._is_ours(row.file):
                        (self.folder / row.file).unlink()
                for file in files:
                    file.replace(self.folder / file.name)
                self._list(kept + new)

    def _foreign(self, name: str, scan: Path | None) -> str:
        target = self.folder / name
        if not os.path.lexists(target):
            return ""
        rows = [row for row in self._written if row.file == name]
        if not rows:
            return "cedice did not write it"
        if not self._is_ours(name):
            return "changed since cedice wrote it"
        return "of another scan of this name" if scan and sha256(scan) not in [row.scan_sha256 for row in rows] else ""

    def _is_ours(self, name: str) -> bool:
        target = self.folder / name
        return target.is_file() and sha256(target) in [row.sha256 for row in self._written if row.file == name]

    def _merge(self, new: Path, scan: str, sizes: list[dict[str, object]]) -> None:
        """Text stays as it is: a scan may be called NA or 001."""
        rows: list[dict] = []
        if (self.folder / VOLUMES).is_file():
            with (self.folder / VOLUMES).open(encoding="utf-8", newline="") as file:
                reader = csv.DictReader(file)
                rows = [row for row in reader if row["scan"] != scan] if reader.fieldnames == _COLUMNS else []
        _write(new, _COLUMNS, rows + sizes)

    def _listed(self) -> list[_Written]:
        file = self.folder / MANIFEST
        if not file.exists():
            return []
        try:
            with file.open(encoding="utf-8", newline="") as stream:
                return [_Written(**row) for row in csv.DictReader(stream)]
        except (TypeError, ValueError, csv.Error) as error:
            raise CediceError(
                f"{file}: not the list of files that cedice wrote; move it away, or choose another folder"
            ) from error

    def _list(self, rows: list[_Written]) -> None:
        self._written = rows
        with replacing(self.folder / MANIFEST) as new:
            _write(new, list(_Written._fields), [row._asdict() for row in rows])


def _write(file: Path, columns: list[str], rows: list[dict]) -> None:
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _place(path: Path) -> str:
    """Where a file would be written: a link in its place is replaced, not followed."""
    return os.path.join(os.path.realpath(path.parent), path.name)  # noqa: PTH118  (as realpath gives it)
