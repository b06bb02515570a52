"""Label many scans: nothing is begun that must not be finished, and one damaged scan stops no other."""

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cedice.data import reading
from cedice.errors import CediceError, within_memory
from cedice.inference import label, orientation, outputs
from cedice.inference.model_file import Model
from cedice.inference.results import Results


def predict(model: Model, paths: list[Path], results: Results, precision: str, probabilities: bool, overwrite: bool) -> None:
    """Label every scan into the folder; a line on standard output for each, warnings and failures on standard error.

    CediceError before the first where a result may not be written (`Results.check`), and at the end where a scan failed.
    """
    results.check({path: outputs.names(path, probabilities) for path in paths}, overwrite)
    told: Counter[tuple[str, str]] = Counter()  # by kind of line and what it says
    failed = 0
    for path in paths:
        try:
            warnings = _one(model, path, results, precision, probabilities)
        except CediceError as error:
            if len(paths) == 1:
                raise
            failed += 1
            _tell("error", path, " ".join(str(error).split()).removeprefix(f"{path}: "), told)
            continue
        for warning in warnings:
            _tell("warning", path, warning, told)
    for (kind, text), count in told.items():
        if count > 1:
            print(f"{kind}: {count - 1} more: {text}", file=sys.stderr)
    if failed:
        others = f"; the others are in {results.folder}" if failed < len(paths) else ""
        raise CediceError(f"{failed} of {len(paths)} scans could not be labelled{others}")


def _tell(kind: str, path: Path, text: str, told: Counter[tuple[str, str]]) -> None:
    """Print what is said of a scan, but not what was said of another already: that is counted in ``told``."""
    if not told[kind, text]:
        print(f"{kind}: {path}: {text}", file=sys.stderr, flush=True)
    told[kind, text] += 1


def _one(model: Model, path: Path, results: Results, precision: str, probabilities: bool) -> list[str]:
    with within_memory(path), _torch_within_memory():
        scan = reading.scan(path, model.channel)
        turn = orientation.turn(scan, model.axes, model.axes_assumed)
        labels, likely = label.label(model, scan, turn.axes, precision, probabilities)
        sizes = outputs.sizes(scan, labels, model.classes)
        with results.adding(path, scan.name, sizes) as folder:
            outputs.write(scan, labels, likely, model.classes, folder, turn.axes)
    print(f"{scan.name}: {', '.join(_told(row) for row in sizes)}", flush=True)
    empty = "" if labels.any() else "background only; is it of the kind that the model's card names?"
    return [warning for warning in (scan.warning, model.intensity.doubt(scan.image), turn.warning, empty) if warning]


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
