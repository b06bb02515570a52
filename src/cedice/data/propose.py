"""An entry for `params.yaml` that describes a person's own folder or archive, proposed from what lies in it."""

import json
import math
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cedice.data import nifti, packed, pictures, reading
from cedice.data.sources import guess
from cedice.data.walk import composed, is_shadow, is_text, walk
from cedice.described import Channel
from cedice.errors import CediceError

_READ = 200  # masks, evenly spaced
_IMAGES_READ = 10
_VALUES = 32  # more in a mask are no classes
_STEPS = 1200  # of the optimiser; 400 are enough for COVID-SemiSeg, ACDC in `small` takes 1,900
_FEW = 400  # training slices; fewer need smaller batches, and so a lower learning rate


@dataclass(frozen=True)
class Proposal:
    """``entry`` for `datasets`, number of ``epochs`` and the parts of `own.train` for so many slices; ``notes``: what to look
    at before it is believed."""

    entry: dict[str, Any]
    epochs: int
    train: dict[str, Any]
    notes: list[str]


def propose(path: Path) -> Proposal:
    """Look at the folder or archive ``path``; CediceError, with what to write by hand, where no pairing can be guessed."""
    if not path.exists():
        raise CediceError(f"{path} is not there; name the folder or archive of the data set")
    with _files(path) as files:
        scans = [name for name in files if is_text(name) and reading.is_scan(Path(name))]
        if not scans:
            raise CediceError(f"{path}: no file of a kind that is read ({reading.KINDS}); convert them first")
        try:
            (images, masks), pairs, others = guess.patterns(scans)
        except CediceError as error:
            raise CediceError(f"{path}: {error}") from error
        values, depth = _values([files[mask] for _, mask in _spaced(pairs, _READ)])
        intensity, channel, notes = _intensity([files[image] for image, _ in _spaced(pairs, _IMAGES_READ)])
        names = _names(files)
    classes = {"background": values[0]} | {names.get(value, f"class {value}"): value for value in values[1:]}
    entry = {"kind": "files", "path": str(path), "images": images, "masks": masks, "classes": classes, "intensity": intensity}
    if channel:
        entry["channel"] = channel
    slices = round(len(pairs) * depth)
    notes.insert(0, f"{len(pairs)} pairs, about {slices} slices; values in the masks: {', '.join(map(str, values))}")
    if others:
        notes.append(f"the images have other masks, too: {', '.join(others)}; take those that you mean")
    if "{patient}" not in images:
        notes.append(
            "every file counts as a patient of its own; write {patient} for the part of the names that says who it is of"
        )
    training = 0.8 * slices
    train = {"batch_size": 4, "learning_rate": 0.003} if training < _FEW else {"batch_size": 16, "learning_rate": 0.01}
    epochs = min(max(math.ceil(_STEPS / max(training / train["batch_size"], 1)), 10), 100)
    return Proposal(entry, epochs, train, notes)


@contextmanager
def _files(path: Path) -> Iterator[dict[str, Path]]:
    if path.is_dir():
        yield walk(path).files
        return
    with tempfile.TemporaryDirectory() as scratch, packed.members(path) as members:
        files = {}
        for member in members:
            if is_shadow(member.name):
                continue
            target = files[composed(member.name)] = Path(scratch) / composed(member.name)
            target.parent.mkdir(parents=True, exist_ok=True)
            with member.open() as content:
                target.write_bytes(content.read())
        yield dict(sorted(files.items()))


def _spaced(pairs: list[tuple[str, str]], number: int) -> list[tuple[str, str]]:
    return [pairs[i] for i in np.unique(np.linspace(0, len(pairs) - 1, number).round().astype(int))]


def _values(masks: list[Path]) -> tuple[list[int], float]:
    """All values of the masks, the background's first; how many slices a mask has, on average."""
    values: set[int] = set()
    slices = 0
    for path in masks:
        mask = nifti.read(path).voxels if reading.is_volume(path) else pictures.read_mask(path)
        slices += mask.shape[2] if mask.ndim == 3 else 1
        found = np.unique(np.rint(mask))
        values |= {int(value) for value in found[: _VALUES + 1]}
        if len(values) > _VALUES:
            raise CediceError(f"{path}: more than {_VALUES} values, which are no classes; is it a mask (and no JPEG of one)?")
    if len(values) < 2:
        raise CediceError(f"{masks[0]}: all masks hold one value ({min(values)}); there is nothing to be found")
    return sorted(values), slices / len(masks)


def _intensity(images: list[Path]) -> tuple[dict[str, Any], Channel | None, list[str]]:
    """The rule, the channel where images are in colour, and notes."""
    channel: Channel | None = None
    low, eight_bits = 0.0, True
    for path in images:
        try:
            image = reading.scan(path, channel).image
        except CediceError as error:
            if "in colour" not in str(error):
                raise
            channel = "grey"
            image = reading.scan(path, channel).image
        low, eight_bits = min(low, float(image.min())), eight_bits and image.dtype == np.uint8 and not reading.is_volume(path)
    notes = ["the images are in colour: choose the channel (grey, red, green or blue)"] if channel else []
    if eight_bits:
        return {"kind": "window", "low": 0, "high": 255}, channel, notes
    if low <= -500:  # air, in Hounsfield units
        notes.append("the intensities look like Hounsfield units: narrow the window to what is to be found")
        return {"kind": "window", "low": -1000, "high": 400}, channel, notes
    return {"kind": "percentiles", "low": 0.5, "high": 99.5}, channel, notes


def _names(files: dict[str, Path]) -> dict[int, str]:
    """The names of the labels, where a dataset.json (of the Decathlon or nnU-Net) says them."""
    for name in sorted(files, key=len):
        if name.split("/")[-1] == "dataset.json":
            try:
                labels = json.loads(files[name].read_text(encoding="utf-8"))["labels"]
                pairs = [(label, value) if str(value).isdigit() else (value, label) for label, value in labels.items()]
                return {int(value): str(label).lower() for label, value in pairs}
            except (OSError, ValueError, KeyError, TypeError, AttributeError):
                return {}
    return {}
