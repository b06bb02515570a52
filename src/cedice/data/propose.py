"""An entry for `params.yaml` that describes a person's own folder or archive, proposed from what lies in it."""

import json
import math
import tempfile
from collections import Counter, defaultdict
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
from cedice.errors import CediceError, printable

_READ = 200  # masks, evenly spaced, of every kind (`cedice.data.reading.kind`)
_IMAGES_READ = 10  # so many of every kind
_VALUES = 32  # more in a mask are no classes
_STEPS = 1200  # of the optimiser; 400 are enough for COVID-SemiSeg, ACDC in `small` takes 1,900
_NO_LABEL = 2**31  # as `params.yaml` has it
_FEW = 400  # training slices; fewer need smaller batches, and so a lower learning rate


@dataclass(frozen=True)
class Proposal:
    """``entry`` for `datasets`, number of ``epochs`` and the parts of `own.train` for so many slices; ``notes``: what to look
    at before it is believed."""

    entry: dict[str, Any]
    epochs: int
    train: dict[str, Any]
    notes: list[str]


def propose(path: Path, images: str = "", masks: str = "") -> Proposal:
    """Look at the folder or archive ``path``; ``images``, ``masks``: a folder in it, or a pattern, where they are; "" to guess.

    CediceError, with what to write by hand, where no pairing can be guessed.
    """
    if not is_text(str(path)):
        raise CediceError(f"{printable(str(path))}: a name that is not UTF-8, which params.yaml cannot hold; rename it")
    if not path.exists():
        raise CediceError(f"{path} is not there; name the folder or archive of the data set")
    with _files(path) as files:
        readable = [name for name in files if reading.is_scan(Path(name))]
        if not readable:
            raise CediceError(f"{path}: no file of a kind that is read ({reading.KINDS}); convert them first")
        scans = [name for name in readable if is_text(name)]
        if not scans:
            raise CediceError(f"{path}: no file has a name in UTF-8 (first: {printable(readable[0])}); rename them")
        try:
            of_images, of_masks, pairs, notes = guess.patterns(scans, _inside(path, images), _inside(path, masks))
        except CediceError as error:
            raise CediceError(f"{path}: {error}") from error
        values, depth = _values(_sample([files[mask] for _, mask in pairs], _READ))
        intensity, channel, more = _intensity([files[image] for image, _ in pairs])
        names = _names(files)
    background, question = _background(values, names)
    classes = {"background": background}
    classes |= {names.get(value, f"class {value}"): value for value in sorted(values) if value != background}
    entry = {"kind": "files", "path": str(path), "images": of_images, "masks": of_masks, "classes": classes}
    entry["intensity"] = intensity
    if channel:
        entry["channel"] = channel
    slices = round(len(pairs) * depth)
    listed = ", ".join(map(str, sorted(values)))
    notes = [f"{len(pairs)} pairs, about {slices} slices; values in the masks: {listed}", *question, *more, *notes]
    if "{patient}" not in of_images:
        notes.append(
            "every file counts as a patient of its own; write {patient} for the part of the names that says who it is of"
        )
    training = 0.8 * slices
    train = {"batch_size": 4, "learning_rate": 0.003} if training < _FEW else {"batch_size": 16, "learning_rate": 0.01}
    epochs = min(max(math.ceil(_STEPS / max(training / train["batch_size"], 1)), 10), 100)
    return Proposal(entry, epochs, train, notes)


def _inside(path: Path, given: str) -> str:
    """As a path in the data set, also if it was given from where the user is."""
    return Path(given).relative_to(path).as_posix() if given and Path(given).is_relative_to(path) else given


@contextmanager
def _files(path: Path) -> Iterator[dict[str, Path]]:
    if path.is_dir():
        yield walk(path).files
        return
    with tempfile.TemporaryDirectory() as scratch, packed.members(path) as (members, _):
        files = {}
        for member in members:
            if is_shadow(member.name):
                continue
            target = files[composed(member.name)] = Path(scratch) / composed(member.name)
            target.parent.mkdir(parents=True, exist_ok=True)
            with member.open() as content:
                target.write_bytes(content.read())
        yield dict(sorted(files.items()))


def _kinds(files: list[Path]) -> list[list[Path]]:
    kinds = defaultdict(list)
    for path in files:
        kinds[reading.kind(path)].append(path)
    return list(kinds.values())


def _sample(files: list[Path], number: int) -> list[Path]:
    """Of every kind so many, evenly spaced."""
    return [path for alike in _kinds(files) for path in _spaced(alike, number)]


def _spaced(files: list[Path], number: int) -> list[Path]:
    return [files[i] for i in np.unique(np.linspace(0, len(files) - 1, number).round().astype(int))]


def _values(masks: list[Path]) -> tuple[Counter[int], float]:
    """All values of the masks, with their pixels; how many slices a mask has, on average."""
    values: Counter[int] = Counter()
    slices = 0
    for path in masks:
        volume = nifti.read(path) if reading.is_volume(path) else None
        mask = volume.voxels if volume else pictures.read_mask(path)
        slices += mask.shape[volume.cut] if volume else 1
        found, pixels = np.unique(np.rint(mask) if mask.dtype.kind == "f" else mask, return_counts=True)
        values.update(dict(zip(map(int, found[: _VALUES + 1]), map(int, pixels), strict=False)))
        if len(values) > _VALUES:
            raise CediceError(f"{path}: more than {_VALUES} values, which are no classes; is it a mask (and no JPEG of one)?")
        if beyond := [value for value in values if not -_NO_LABEL <= value < _NO_LABEL]:
            raise CediceError(f"{path}: holds {beyond[0]}, too large for a label; export the mask with small whole numbers")
    if len(values) < 2:
        raise CediceError(f"{masks[0]}: all masks hold one value ({min(values)}); there is nothing to be found")
    return values, slices / len(masks)


def _background(values: Counter[int], names: dict[int, str]) -> tuple[int, list[str]]:
    """Which of the values it is: what dataset.json says, else the most frequent; and a question where that is not 0."""
    if named := [value for value in values if names.get(value) == "background"]:
        return named[0], []
    ((value, pixels),) = values.most_common(1)
    if value == 0:
        return value, []
    taken = f"which value is the background? {value} was taken, which covers {pixels / values.total():.0%} of the masks"
    other = f", and 0 covers {values[0] / values.total():.0%}; if 0 is, exchange the two under classes" if 0 in values else ""
    return value, [f"{taken}{other}"]


def _intensity(images: list[Path]) -> tuple[dict[str, Any], Channel | None, list[str]]:
    """The rule, the channel where images are in colour, and notes."""
    channel: Channel | None = None
    low = 0.0
    grey: list[Path] = []  # the pictures of 8 bits
    deep: list[Path] = []  # those of 16
    for alike in _kinds(images):
        for path in _spaced(alike, _IMAGES_READ):
            try:
                image = reading.scan(path, channel).image
            except CediceError as error:
                if "in colour" not in str(error):
                    raise
                channel = "grey"
                image = reading.scan(path, channel).image
            low = min(low, float(image.min()))
        if not reading.is_volume(alike[0]):
            (grey if image.dtype == np.uint8 else deep).extend(alike)
    notes = ["the images are in colour: choose the channel (grey, red, green or blue)"] if channel else []
    if len(grey) == len(images):
        return {"kind": "window", "low": 0, "high": 255}, channel, notes
    if grey and deep:
        few, bits = (deep, 16) if len(deep) <= len(grey) else (grey, 8)
        first = f"{len(few)} of {len(images)} images have {bits} bits, as {few[0].name}, the others {24 - bits}"
        notes.append(f"{first}: percentiles fit each, but convert all to one depth if they are one kind of scan")
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
