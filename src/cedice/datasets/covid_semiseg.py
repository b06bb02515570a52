"""COVID-SemiSeg chest CT (Fan et al., IEEE TMI 39(8), 2020, doi 10.1109/TMI.2020.2996645): 98 expert-labelled axial slices.

In the archive, with or without one folder on top: Dataset/TrainingSet/LungInfection-Train/Doctor-label/{Imgs,GT} (50) and
Dataset/TestingSet/LungInfection-Test/{Imgs,GT} (48): 8-bit grey JPG, and PNG masks 0/255 of infection. The same archive
also holds machine-labelled slices, which are no ground truth and not used. Patients are not recoverable: each slice
counts as a patient of its own, so statistics over them take more for independent than there is.
"""

import csv
import re
import struct
import zlib
from importlib.resources import files
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from cedice.datasets.cases import Case, Facts, Volume, check_shapes, hold_against, pair, to_labels
from cedice.errors import CediceError
from cedice.files import sha256

NAME = "COVID-SemiSeg"
CLASSES = ("background", "infection")
ARCHIVES = ("covid-semiseg*.zip", "covid-semiseg*.tar*", "covid-semiseg", "inf-net-*.zip", "dataset.zip", "dataset")
URL = "https://github.com/DengPingFan/Inf-Net/archive/fb3a03b5b2f70642fbf2a12cde9e5c41b5ebd28e.zip"
ADVICE = "put the authors' repository archive as Inf-Net-fb3a03b.zip (or the bare Dataset/ folder as covid-semiseg.zip)"
FACTS = Facts(slices=98, slices_without=(0, 0), fractions=(0.84817, 0.15183))

PIXELS_LIMIT = 2**26  # 8192 × 8192
_DAMAGE = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, Image.DecompressionBombError)  # Pillow's own
FOLDERS = {"train": "Dataset/TrainingSet/LungInfection-Train/Doctor-label", "val": "Dataset/TestingSet/LungInfection-Test"}
_MEMBER = re.compile(rf"(?:[^/]+/)?((?:{'|'.join(FOLDERS.values())})/(?:Imgs/\d+\.jpg|GT/\d+\.png))")


def canonical(name: str) -> str | None:
    """See `cedice.datasets`."""
    match = _MEMBER.fullmatch(name)
    return match[1] if match else None


def verify(root: Path) -> None:
    """Hold every image and mask against the manifest, by file hash."""
    with (files("cedice.datasets") / "covid-semiseg-files.csv").open(newline="") as table:
        expected = {row["path"]: row["sha256"] for row in csv.DictReader(table)}
    hold_against(expected, lambda path: sha256(root / path), NAME, root)


def cases(root: Path) -> list[Case]:
    """See `cedice.datasets`: one case a slice, the official split (train 50, val 48)."""
    found = []
    for split, folder in FOLDERS.items():
        # Numbers are padded so that sorting by name is sorting by number.
        images = {f"{split}{int(path.stem):03d}": path for path in (root / folder / "Imgs").glob("*.jpg")}
        masks = {f"{split}{int(path.stem):03d}": path for path in (root / folder / "GT").glob("*.png")}
        for name, image, mask in pair(images, masks, NAME):
            found.append(Case(name, name, "", int(image.stem), split, image, mask))
    return found


def read(case: Case) -> Volume:
    """See `cedice.datasets`. Intensity: 8-bit, already windowed by the authors, as it is."""
    image, mask = _grey(case.image), _grey(case.mask)
    check_shapes(image, mask, case)
    return Volume(image[None].astype(np.float32), to_labels(mask, case.mask, (0, 255))[None], None, "")


def _grey(path: Path) -> np.ndarray:
    try:
        with Image.open(path, formats=("JPEG", "PNG")) as image:
            image.verify()  # a PNG's checksums, which decoding leaves out
        with Image.open(path, formats=("JPEG", "PNG")) as image:
            if image.mode != "L":
                raise CediceError(f"{path}: mode {image.mode}, but an 8-bit grey image is needed; convert it")
            if image.width * image.height > PIXELS_LIMIT:
                raise CediceError(f"{path}: {image.width}×{image.height} pixels, more than the {PIXELS_LIMIT} that are read")
            return np.asarray(ImageOps.exif_transpose(image))
    except _DAMAGE as error:
        raise CediceError(f"{path}: not a readable image ({error}); get it again") from error
