"""Label many scans: nothing is begun that must not be finished, and one damaged scan stops no other."""

import errno
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cedice.data import reading
from cedice.errors import CediceError, printable, within_memory
from cedice.inference import label, orientation, outputs
from cedice.inference.model_file import Model
from cedice.inference.results import Results

_OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.ENOMEM)  # the last is `within_memory`'s


def predict(model: Model, paths: list[Path], results: Results, precision: str, probabilities: bool) -> None:
    """Label every scan into the folder, at the threshold of ``results``; a line on standard output for each, warnings and
    failures on standard error.

    CediceError at the end where a scan failed; OSError at once where the disk refuses every result.
    """
    told: Counter[tuple[str, str]] = Counter()  # by kind of line and what it says
    failed = 0
    for path in paths:
        try:
            line, warnings = _one(model, path, results, precision, probabilities)
        except CediceError as error:
            if len(paths) == 1:
                raise
            failed += 1
            _tell("error", path, " ".join(str(error).split()).removeprefix(f"{path}: "), told)
            continue
        print(line, flush=True)
        for warning in warnings:
            _tell("warning", path, warning, told)
    for (kind, text), count in told.items():
        if count > 1:
            print(printable(f"{kind}: {count - 1} more: {text}"), file=sys.stderr)
    if failed:
        others = f"; the others are in {results.folder}" if failed < len(paths) else ""
        raise CediceError(f"{failed} of {len(paths)} scans could not be labelled{others}")


def _tell(kind: str, path: Path, text: str, told: Counter[tuple[str, str]]) -> None:
    """Print what is said of a scan, but not what was said of another already: that is counted in ``told``."""
    if not told[kind, text]:
        print(f"{kind}: {printable(path)}: {text}", file=sys.stderr, flush=True)
    told[kind, text] += 1


def _one(model: Model, path: Path, results: Results, precision: str, probabilities: bool) -> tuple[str, list[str]]:
    """(The line that announces a scan's results, warnings)."""
    _check(path)
    with within_memory(path), _torch_within_memory(), _of_the_scan(path):
        scan = reading.scan(path, model.channel)
        turn = orientation.turn(scan, model.axes, model.axes_assumed)
        labels, likely = label.label(model, scan, turn.axes, precision, probabilities, results.threshold)
        sizes = outputs.sizes(scan, labels, model.classes)
        with results.adding(path, sizes) as folder:
            outputs.write(scan, labels, likely, model.classes, folder, turn.axes, results.threshold)
    line = f"{printable(scan.name)}: {', '.join(_told(row) for row in sizes)}"
    empty = "" if labels.any() else "background only; is it of the kind that the model's card names?"
    return line, [warning for warning in (scan.warning, model.intensity.doubt(scan.image), turn.warning, empty) if warning]


def _check(path: Path) -> None:
    """CediceError for what cannot be opened as a file, and for a name that no table can hold."""
    if not path.is_file():
        link = "a link that leads nowhere, or round in a circle; remove it" if path.is_symlink() else "not a file"
        raise CediceError(f"{path}: {link}")
    try:
        path.name.encode()
    except UnicodeEncodeError as error:
        raise CediceError(f"{path}: its name is not UTF-8; rename it") from error


@contextmanager
def _of_the_scan(path: Path) -> Iterator[None]:
    """CediceError, naming the scan, for what the disk refuses; a full or locked disk would refuse every other scan's, too."""
    try:
        yield
    except OSError as error:
        if error.errno in _OF_THE_DISK:
            raise
        long = error.errno == errno.ENAMETOOLONG
        told = "its results' names would be too long; shorten its name" if long else error.strerror or error
        raise CediceError(f"{path}: {told}") from error


@contextmanager
def _torch_within_memory() -> Iterator[None]:
    """PyTorch has an error of its own for it, on either device."""
    try:
        yield
    except RuntimeError as error:
        if "memory" not in str(error):
            raise
        raise MemoryError(str(error)) from error


def _told(row: dict) -> str:
    return f"{row['class']} {row['voxels']} voxels" if row["ml"] is None else f"{row['class']} {row['ml']:.1f} ml"
