"""Label maps, whoever made them, against the truth: `cedice evaluate`.

Of every case and class: Dice, IoU and pixel error as in `cedice.metrics`, the class against all others; surface Dice at 2 mm
and HD95 as in `cedice.evaluation.volumes`, in the three dimensions of a volume, in the plane of a single slice, in pixels of an
image. What is empty in both maps has no value. Classes are the values above 0 that any map of either side holds.

Layout of the table: case, class, truth and predicted (voxels, or pixels), dice, iou, pixel_error, surface_dice, hd95, and their
unit: mm, pixel, or nothing where the voxel size is not known.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from cedice.data import nifti, pictures, reading
from cedice.data.grid import IN_MM
from cedice.data.sources import guess
from cedice.data.walk import walk
from cedice.errors import CediceError, printable
from cedice.evaluation.volumes import TOLERANCE, borders
from cedice.metrics import dice, iou, pixel_error

OVERLAPS, DISTANCES = ("dice", "iou", "pixel_error"), ("surface_dice", "hd95")
COLUMNS = ("case", "class", "truth", "predicted", *OVERLAPS, *DISTANCES, "unit")
KINDS = ".nii, .nii.gz, .png, .tif, .tiff, .gif"
_JPEG = (".jpg", ".jpeg")
_NEAR = 1e-3  # of a whole number, as a slope in the header leaves it
_LARGEST = 2**16 - 1
_CLASSES = 200  # more values are grey values; TotalSegmentator has 117


@dataclass(frozen=True)
class Pair:
    """Two files of one case."""

    case: str
    labels: Path
    truth: Path


@dataclass(frozen=True)
class Maps:
    """Of one pair, on one grid: uint16 labels in two or three dimensions, the voxel's ``size`` along these, None where it is
    not known, its ``unit``, and ``warnings``: what is odd, with the file."""

    labels: np.ndarray
    truth: np.ndarray
    size: tuple[float, ...] | None
    unit: str
    warnings: list[tuple[str, Path]]


class Evaluated(NamedTuple):
    """The ``table`` of all pairs that could be read; lines of ``warnings``; and a line for each pair that ``failed``."""

    table: pd.DataFrame
    warnings: list[str]
    failed: list[str]


def pairs(labels: Path, truth: Path) -> tuple[list[Pair], list[str]]:
    """The pairs of two folders, by name, or of two files; and lines about what has no counterpart. CediceError where there is
    no pair, and for volumes and images together."""
    sides = [_files(side) for side in (labels, truth)]
    if labels.is_file() and truth.is_file():
        found = [Pair(reading.scan_name(labels), labels, truth)]
    else:
        named = guess.counterparts(list(sides[0]), list(sides[1]))
        found = [Pair(case, sides[0][one], sides[1][other]) for case, (one, other) in named.items()]
    if not found:
        one, other = (printable(guess.masks(list(side))[0]) for side in sides)
        raise CediceError(f"{labels} and {truth}: no file of one has the name of one of the other ({one}, {other}, say)")
    if len({reading.is_volume(path) for pair in found for path in (pair.labels, pair.truth)}) > 1:
        raise CediceError(f"{labels} and {truth}: volumes and images together; bring both sides of a case to one kind of file")
    used = {path for pair in found for path in (pair.labels, pair.truth)}
    lines = []
    for side, files in zip((labels, truth), sides, strict=True):
        if alone := [name for name in guess.masks(list(files)) if files[name] not in used]:
            lines.append(f"{side}: {len(alone)} without a counterpart, left out (first: {printable(alone[0])})")
    return found, lines


def _files(path: Path) -> dict[str, Path]:
    if not path.exists():
        raise CediceError(f"{path} is not there")
    files = {path.name: path} if path.is_file() else walk(path).files
    maps = {name: file for name, file in files.items() if reading.is_scan(file) and not name.lower().endswith(_JPEG)}
    if not maps:
        jpeg = any(name.lower().endswith(_JPEG) for name in files)
        but = "; a JPEG changes the values that are saved in it, make it anew as PNG" if jpeg else ""
        raise CediceError(f"{path}: no label map of a kind that is read ({KINDS}){but}")
    return maps


def is_table(file: Path) -> bool:
    """Whether a file holds an earlier table, which a new one may replace."""
    with file.open("rb") as stream:
        return stream.readline().rstrip() == ",".join(COLUMNS).encode()


def read(pair: Pair) -> Maps:
    """CediceError for what cannot be read, holds no labels, or lies on two grids."""
    if not reading.is_volume(pair.truth):
        labels, truth = (pictures.read_mask(path) for path in (pair.labels, pair.truth))
        _check_shapes(labels, truth, pair)
        return Maps(_whole(labels, pair.labels), _whole(truth, pair.truth), (1.0, 1.0), "pixel", [])
    ours, theirs = nifti.read(pair.labels), nifti.read(pair.truth)
    try:
        labels, truth = nifti.onto(ours, theirs, pair.labels), theirs.voxels
    except CediceError as error:
        raise CediceError(
            f"{pair.labels}: not on the grid of {pair.truth}, by their headers; resample it with the nearest neighbour, or "
            "copy that header's affine into it if they match voxel for voxel"
        ) from error
    _check_shapes(labels, truth, pair)
    wide = [axis for axis, length in enumerate(truth.shape) if length > 1] or [0]  # one slice has its border in its plane
    shape = [truth.shape[axis] for axis in wide]
    unit = next((IN_MM[volume.unit] for volume in (theirs, ours) if volume.unit in IN_MM), None)
    size = tuple(theirs.spacing[axis] * unit for axis in wide) if unit and theirs.spacing else None
    warnings = [(volume.warning, path) for volume, path in ((ours, pair.labels), (theirs, pair.truth)) if volume.warning]
    if size is None:
        warnings.append(("does not say how many mm a voxel has: no surface Dice, no HD95; repair the header", pair.truth))
    labels, truth = _whole(labels, pair.labels).reshape(shape), _whole(truth, pair.truth).reshape(shape)
    return Maps(labels, truth, size, "mm" if size else "", warnings)


def _check_shapes(labels: np.ndarray, truth: np.ndarray, pair: Pair) -> None:
    if labels.shape != truth.shape:
        one, other = ("×".join(map(str, values.shape)) for values in (labels, truth))
        raise CediceError(f"{pair.labels}: {one}, but {pair.truth} is {other}; resample it with the nearest neighbour")


def _whole(values: np.ndarray, path: Path) -> np.ndarray:
    """Labels as uint16; CediceError for what is none."""
    whole = values if values.dtype.kind in "iu" else np.rint(values)
    if whole is not values and (np.abs(values - whole) > _NEAR).any():
        raise CediceError(f"{path}: holds fractions; give labels, no probabilities, and resample with the nearest neighbour")
    if values.size and not 0 <= whole.min() <= whole.max() <= _LARGEST:
        raise CediceError(f"{path}: holds {whole.min():g} to {whole.max():g}, but labels are 0 to {_LARGEST}")
    return whole.astype(np.uint16)


def classes(labels: set[int], truth: set[int]) -> tuple[list[int], dict[int, int]]:
    """From the values above 0 of all maps of either side: the classes, and {255: 1} where one side has nothing but 255 and the
    other nothing but 1, which are the one class of a mask. CediceError where the sides have no class in common."""
    if {frozenset(labels), frozenset(truth)} == {frozenset({1}), frozenset({255})}:
        return [1], {255: 1}
    if labels and truth and not labels & truth:
        one, other = (", ".join(map(str, sorted(values))) for values in (labels, truth))
        raise CediceError(f"the label maps hold {one}, the truth holds {other}: no class in common; give them the same numbers")
    return sorted(labels | truth), {}


def rows(pair: Pair, maps: Maps, of: Iterable[int], renamed: dict[int, int]) -> list[dict[str, object]]:
    """The table's rows of a pair, one for each class."""
    labels, truth = maps.labels, maps.truth
    for old, new in renamed.items():
        labels, truth = (np.where(values == old, new, values) for values in (labels, truth))
    found = []
    for label in of:
        ours, theirs = labels == label, truth == label
        tp, predicted, true = (int(np.count_nonzero(region)) for region in (ours & theirs, ours, theirs))
        keys = {"case": pair.case, "class": label, "truth": true, "predicted": predicted, "unit": maps.unit}
        values = dict.fromkeys((*OVERLAPS, *DISTANCES), math.nan)
        if predicted or true:
            fp, fn = predicted - tp, true - tp
            values = {"dice": float(dice(tp, fp, fn)), "iou": float(iou(tp, fp, fn))}
            # Of two classes, this one and all others.
            values["pixel_error"] = float(pixel_error([truth.size - tp - fp - fn, tp], [fn, fp], [fp, fn]))
            values |= borders(ours, theirs, maps.size)
        found.append(keys | values)
    return found


def evaluate(given: list[Pair]) -> Evaluated:
    """All files are read twice: first for the classes that there are. CediceError where no pair can be read."""
    ours: set[int] = set()
    theirs: set[int] = set()
    sound, failed = [], []
    told: dict[str, list[Path]] = {}
    for pair in given:
        try:
            maps = read(pair)
            ours |= _values(maps.labels, pair.labels)
            theirs |= _values(maps.truth, pair.truth)
        except CediceError as error:
            failed.append(str(error))
            continue
        sound.append(pair)
        for warning, path in maps.warnings:
            told.setdefault(warning, []).append(path)
    if not sound:
        raise CediceError(failed[0])
    warnings = [f"{paths[0]}: {text}" + (f" ({len(paths)} files)" if len(paths) > 1 else "") for text, paths in told.items()]
    of, renamed = classes(ours, theirs)
    if renamed:
        warnings.append("255 on one side and 1 on the other are taken for the same class")
    table = [row for pair in sound for row in rows(pair, read(pair), of, renamed)]
    return Evaluated(pd.DataFrame(table, columns=COLUMNS), warnings, failed)


def _values(labels: np.ndarray, path: Path) -> set[int]:
    """Above 0; CediceError for grey values."""
    values = {*np.flatnonzero(np.bincount(labels.ravel())).tolist()} - {0}
    if len(values) > _CLASSES:
        raise CediceError(f"{path}: holds {len(values)} values, which are no labels; is it the scan itself?")
    return values


def means(table: pd.DataFrame) -> pd.DataFrame:
    """Of each class the mean of every measure over the cases that have it, and how many these are: ``cases`` of Dice,
    ``measured`` of HD95. Where there are several classes, in a last row "all" the mean of these means."""
    measures = [*OVERLAPS, *DISTANCES]
    found = table.groupby("class")[measures].mean()
    counts = table.groupby("class").agg(cases=("dice", "count"), measured=("hd95", "count"))
    found = found.join(counts).reset_index()
    if len(found) > 1:
        any_of = table.groupby("case")[["dice", "hd95"]].count().gt(0).sum()
        last = found[measures].mean().to_dict() | {"class": "all", "cases": any_of["dice"], "measured": any_of["hd95"]}
        found = pd.concat([found.astype({"class": object}), pd.DataFrame([last])], ignore_index=True)
    return found


def told(table: pd.DataFrame) -> str:
    """The table for people, its means last, each with how many cases it is over."""
    unit = next(filter(None, table["unit"]), "mm")
    head = ("case", "class", "Dice", "IoU", "pixel error", f"surface Dice ({TOLERANCE:g} {unit})", f"HD95 ({unit})", "")
    lines = [head, *((printable(row["case"]), *_cells(row), "") for row in table.to_dict("records"))]
    total = table["case"].nunique()
    for row in means(table).to_dict("records"):
        fewer = f", distances over {row['measured']}" if row["measured"] != row["cases"] else ""
        lines.append(("mean", *_cells(row), f"over {row['cases']} of {total} cases{fewer}"))
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  ".join(
            text.ljust(width) if column in (0, len(head) - 1) else text.rjust(width)
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _cells(row: dict) -> list[str]:
    digits = {"dice": 4, "iou": 4, "pixel_error": 5, "surface_dice": 4, "hd95": 2}
    return [str(row["class"]), *("" if math.isnan(row[name]) else f"{row[name]:.{digits[name]}f}" for name in digits)]
