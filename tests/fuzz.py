"""Random damage to every kind of file that is read: each input is read or refused with `CediceError`, nothing else.

`python tests/fuzz.py 10000` takes as many inputs and prints what became of them, by kind of file; status 1 at the first that
ends in another error, takes longer than `SECONDS`, or leaves a file behind, which is kept for a look.
"""

import gzip
import io
import random
import shutil
import signal
import struct
import sys
import tarfile
import tempfile
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import tiny
import torch
from PIL import Image

from cedice import params
from cedice.data import nifti, packed, pictures, preprocess, slices
from cedice.data.cases import Case
from cedice.data.intensity import Intensity
from cedice.data.sources.covid19 import Covid19
from cedice.errors import CediceError
from cedice.evaluation import counts, record, runs
from cedice.evaluation.gather import save, write_runs
from cedice.files import read_arrays
from cedice.inference import model_file
from cedice.inference.model_file import Model
from cedice.tables import read_text
from cedice.training import weights
from cedice.unet import UNet

SECONDS = 10
ROOT = Path(__file__).parent.parent
RECORD = "reports/small/record"
SETTINGS = tiny.settings(base_channels=1, batch_size=1)


@dataclass(frozen=True)
class Kind:
    """A sound file by its name, and what reads it."""

    name: str
    write: Callable[[Path], object]
    read: Callable[[Path], object]


def _scan(path: Path) -> None:
    voxels = np.random.default_rng(0).integers(0, 200, (6, 5, 3)).astype(np.int16)
    nifti.write(path, voxels, (1.0, 1.0, 5.0))


def _picture(path: Path) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 2, (16, 16), dtype=np.uint8) * np.uint8(255)).save(path)


def _read_mask(path: Path) -> object:
    return Covid19().read(Case("a", "a", "", 1, "train", path, path))


def _read_image(path: Path) -> object:
    mask = path.parent.parent / "mask-of-image.png"
    _picture(mask)
    return Covid19().read(Case("a", "a", "", 1, "train", path, mask))


def _zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for name in ("database/a.txt", "database/b.txt"):
            opened.writestr(name, "some text, and more of it " * 9)


def _tar(path: Path) -> None:
    with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as opened:
        for name in ("database/a.txt", "database/b.txt"):
            info = tarfile.TarInfo(name)
            info.size = 300
            opened.addfile(info, io.BytesIO(b"some text and" * 30))


def _unpack(path: Path) -> None:
    with packed.members(path) as (found, _):
        for member in found:
            with member.open() as reader:
                reader.read(packed.TOTAL_LIMIT)


def _slices(path: Path) -> None:
    arrays = np.zeros((2, 8, 8), np.uint8)
    index = pd.DataFrame({"slice": ["a", "b"], "volume": "v", "patient": "p", "frame": "", "split": ["train", "val"]})
    preprocess.save(slices.Slices(arrays, arrays, index), path, path.with_suffix(".csv"))
    path.with_suffix(".csv").rename(path.parent.parent / "index.csv")


def _read_slices(path: Path) -> object:
    return slices.load(path, path.parent.parent / "index.csv")


def _weights(path: Path) -> None:
    weights.save(path, {"last": UNet(**SETTINGS.network())}, SETTINGS, {})


def _model(path: Path) -> None:
    model = Model(UNet(**SETTINGS.network()), ("background", "a"), Intensity("window", 0, 1), 16, {})
    model_file.save(path, model, SETTINGS.network())


def _deep_picture(path: Path) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 2**16, (9, 12), dtype=np.uint16)).save(path)


def _counts(path: Path) -> None:
    """Of two trainings, in a record that has their other tables."""
    shutil.copytree(ROOT / RECORD / "covid19", path.parent.parent / "record/covid19")
    for table in ("counts", "history"):
        file = record.file(path.parent.parent / "record/covid19", table)
        save(file.parent, table, read_text(file).query("seed == '0'"))
    rows = [row for row in record.runs(ROOT / RECORD, "covid19") if row["seed"] == 0]
    write_runs(path.parent.parent / "record/covid19/runs.json", rows)
    shutil.copy(path.parent.parent / "record/covid19/counts.csv.gz", path)


def _read_counts(path: Path) -> object:
    folder = path.parent.parent / "sound/record"
    shutil.copy(path, folder / "covid19/counts.csv.gz")
    return runs.load(folder, ["covid19"])


def _copy(source: str) -> Callable[[Path], object]:
    return lambda path: shutil.copy(ROOT / source, path)


KINDS = [
    Kind("scan.nii", _scan, nifti.read),
    Kind("scan.nii.gz", _scan, nifti.read),
    Kind("mask.png", _picture, _read_mask),
    Kind("image.jpg", _picture, _read_image),
    Kind("archive.zip", _zip, _unpack),
    Kind("archive.tar", _tar, _unpack),
    Kind("archive.tar.gz", _tar, _unpack),
    Kind("arrays.npz", _slices, lambda path: read_arrays(path, "images")),
    Kind("slices.npz", _slices, _read_slices),
    Kind("counts.csv", _copy(f"{RECORD}/mixtures/covid19/labels/counts.csv"), lambda path: counts.load_counts(path, 2)),
    Kind("counts.csv.gz", _counts, _read_counts),
    Kind("params.yaml", _copy("params.yaml"), params.load),
    Kind("weights.safetensors", _weights, lambda path: weights.load(path, torch.device("cpu"), "last")),
    Kind("model.safetensors", _model, lambda path: model_file.load(path, torch.device("cpu"))),
    Kind("picture.tif", _deep_picture, pictures.read),
]


def damage(content: bytes, chance: random.Random) -> bytes:
    """One to four of: bits flipped, bytes set, a cut, an insertion, a piece copied elsewhere, an extreme number."""
    changed = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(changed) + 1) if chance.random() < 0.6 else chance.randrange(min(len(changed), 400) + 1)
        match chance.randrange(6):
            case 0:
                changed[at : at + 1] = bytes(value ^ (1 << chance.randrange(8)) for value in changed[at : at + 1])
            case 1:
                changed[at : at + 4] = bytes([chance.choice((0, 1, 127, 128, 255))]) * len(changed[at : at + 4])
            case 2:
                del changed[at : None if chance.random() < 0.3 else at + chance.randrange(20)]
            case 3:
                changed[at:at] = chance.randbytes(chance.randrange(20))
            case 4:
                start = chance.randrange(len(changed) + 1)
                changed[at:at] = changed[start : start + chance.randrange(64)]
            case 5:
                form, value = chance.choice((("<i", -1), ("<i", 2**31 - 1), ("<h", 32767), ("<f", float("nan")), ("<q", 2**62)))
                changed[at : at + struct.calcsize(form)] = struct.pack(form, value)
    return bytes(changed)


def try_one(kind: Kind, content: bytes, folder: Path) -> str:
    """ "read", "refused", or what else happened."""
    path = folder / kind.name
    path.write_bytes(content)
    signal.alarm(SECONDS)
    try:
        kind.read(path)
        answer = "read"
    except CediceError:
        answer = "refused"
    except Exception as error:  # this is what is looked for
        answer = f"{type(error).__name__}: {error}"
    finally:
        signal.alarm(0)
    left = {each.name for each in folder.iterdir()} - {kind.name}
    return f"left {left}" if left else answer


def fuzz(number: int, seed: int, scratch: Path) -> dict[str, dict[str, int]]:
    """{kind of file: {answer: how often}} over ``number`` inputs; raises AssertionError at the first wrong one."""
    signal.signal(signal.SIGALRM, _too_long)
    warnings.simplefilter("ignore")
    chance, found = random.Random(seed), {}
    sound = {}
    for kind in KINDS:
        folder = scratch / "sound" / kind.name
        folder.mkdir(parents=True)
        kind.write(folder / kind.name)
        sound[kind.name] = (folder / kind.name).read_bytes()
    for turn in range(number):
        kind = KINDS[turn % len(KINDS)]
        content = sound[kind.name]
        if kind.name.endswith((".nii.gz", ".csv.gz")) and chance.random() < 0.5:  # past the checksum
            content = gzip.compress(damage(gzip.decompress(content), chance))
        else:
            content = damage(content, chance)
        folder = scratch / kind.name
        folder.mkdir(exist_ok=True)
        (scratch / "index.csv").write_bytes((scratch / "sound/index.csv").read_bytes())
        answer = try_one(kind, content, folder)
        assert answer in ("read", "refused"), f"input {turn} ({kind.name}): {answer}"
        counts = found.setdefault(kind.name, {"read": 0, "refused": 0})
        counts[answer] += 1
    return found


def _too_long(*_: object) -> None:
    raise TimeoutError(f"longer than {SECONDS} s")


if __name__ == "__main__":
    folder = Path(tempfile.mkdtemp())
    try:
        answers = fuzz(int(sys.argv[1]), 0, folder)
    except AssertionError as error:
        sys.exit(f"{error}; the input lies in {folder}")
    for name, counts in answers.items():
        print(f"{name}: {counts['read']} read, {counts['refused']} refused")
    print(f"{sum(sum(counts.values()) for counts in answers.values())} inputs, no other answer")
    shutil.rmtree(folder)
