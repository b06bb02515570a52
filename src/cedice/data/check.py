"""What a data set holds, and everything that is wrong with it, before anything is trained. Behind `cedice data check`."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from cedice.data import archives, preprocess, reading, slices
from cedice.data.cases import Case
from cedice.data.slices import Slices
from cedice.data.source import Source
from cedice.data.sources.folder import FolderSource
from cedice.errors import CediceError

_LOOKED_INTO = 20  # files whose own intensities are read, evenly spaced: reading is what takes the time
_THUMBNAIL = 32  # pixels: what makes a slice itself is coarser than this
NEAR = 0.97  # correlation of two thumbnails; ACDC has no such pair, COVID-SemiSeg two of neighbouring slices
_NAMED = 5  # of a kind
_CLIPPED = 0.9  # of all pixels, at one end of the window: so much is no air and no bone


@dataclass(frozen=True)
class Findings:
    """``lines``: what is there. ``warnings``: what to know before one trusts a result. ``problems``: what the pipeline would
    stop at. ``slices`` as it would train on them; None where there are none."""

    lines: list[str]
    warnings: list[str]
    problems: list[str]
    slices: Slices | None


def check(source: Source, split: str, enough: int) -> Findings:
    """Read the whole data set; ``split`` as in `preprocess.build`; ``enough``: patients that a verdict needs.

    CediceError where there is nothing to read.
    """
    with _unpacked(source) as root:
        cases, problems = _cases(source, root)
        builder, read = preprocess.SliceBuilder(len(source.classes)), []
        for case in tqdm(cases, desc=f"check {source.name}", unit="volume", disable=None):
            try:
                builder.add(case, source.read(case))
                read.append(case)
            except CediceError as error:
                problems.append(str(error))
        problems = [problem.replace(f"{root}/", "") for problem in problems]
        if not read:
            return Findings([], [], problems, None)
        lines = _intensities(source, read)
        try:
            made = builder.split(split)
        except CediceError as error:
            return Findings(lines, [], [*problems, str(error)], None)
    lines = [*_counts(source, made), *lines, *_classes(source, made), _split(source, made, split)]
    twins = duplicates(made)
    lines.append(f"duplicates: {len(twins)} pairs of slices across the split, of {_pairs(made):,}")
    return Findings(lines, [*_warnings(source, made, enough), *_told(twins)], problems, made)


@contextmanager
def _unpacked(source: Source) -> Iterator[Path]:
    """Where the files lie: in the folder itself, or a temporary one."""
    found = archives.locate(source)
    if isinstance(source, FolderSource) and found[0][1].is_dir():
        yield found[0][1]
        return
    with tempfile.TemporaryDirectory() as scratch:
        archives.unpack(source, found, Path(scratch))
        yield Path(scratch)


def _cases(source: Source, root: Path) -> tuple[list[Case], list[str]]:
    if isinstance(source, FolderSource):
        return source.survey(root)
    try:
        source.verify(root)
        return source.cases(root), []
    except CediceError as error:
        return [], [str(error)]


def _counts(source: Source, made: Slices) -> list[str]:
    index = made.index
    sizes = _between([f"{width}×{height}" for width, height in index[["native_width", "native_height"]].value_counts().index])
    line = f"{index['volume'].nunique()} volumes or images of {index['patient'].nunique()} patients, {len(index)} slices"
    spacings = index[["spacing_slices", "spacing_rows", "spacing_columns"]].astype(float)
    if spacings.isna().all(axis=None):
        return [f"{line} of {sizes} pixels", "spacing: not known"]
    ends = [" to ".join(dict.fromkeys(f"{end:.3g}" for end in (column.min(), column.max()))) for _, column in spacings.items()]
    return [f"{line} of {sizes} pixels", f"spacing: {ends[0]} between slices, {ends[1]} × {ends[2]} in them, {_units(index)}"]


def _units(index: pd.DataFrame) -> str:
    return "/".join("of unknown unit" if unit in ("", "unknown") else unit for unit in sorted(set(index["spacing_unit"])))


def _between(kinds: list[str]) -> str:
    return kinds[0] if len(kinds) == 1 else f"{len(kinds)} sizes, {kinds[0]} most often"


def _intensities(source: Source, cases: list[Case]) -> list[str]:
    """Of the files as they are, before the rule."""
    images = list(dict.fromkeys(case.image for case in cases))
    chosen = [images[number] for number in np.unique(np.linspace(0, len(images) - 1, _LOOKED_INTO).round().astype(int))]
    ends = np.array([np.percentile(reading.scan(image).image, (0, 0.5, 99.5, 100)) for image in chosen])
    low, high = ends.min(axis=0), ends.max(axis=0)
    rule = source.intensity
    of = "" if len(chosen) == len(images) else f" (in {len(chosen)} of the files)"
    return [
        f"intensity: {low[0]:.4g} to {high[3]:.4g}, the middle 99 % within {low[1]:.4g} to {high[2]:.4g}{of}; "
        f"the rule: {rule.kind} {rule.low:g} to {rule.high:g} become 0 to 255"
    ]


def _classes(source: Source, made: Slices) -> list[str]:
    found = preprocess.summary(made, source)
    shares = ", ".join(f"{name} {values['fraction']:.2%}" for name, values in found["classes"].items())
    without = ", ".join(f"{values['slices_without']} {name}" for name, values in list(found["classes"].items())[1:])
    return [
        f"classes: {shares}",
        f"slices without foreground: {found['slices_without_foreground']}; without each class: {without}",
    ]


def _split(source: Source, made: Slices, split: str) -> str:
    sides = []
    for side, verb in (("train", "train"), ("val", "validate")):
        rows = made.index[made.index["split"] == side]
        sides.append(f"{rows['patient'].nunique()} patients ({len(rows)} slices) {verb}")
    return f"split: {', '.join(sides)}; {'every fifth slice' if split == 'slice' else source.split}"


def _warnings(source: Source, made: Slices, enough: int) -> list[str]:
    found = []
    index = made.index
    units = index["patient"][index["split"] == "val"].nunique()
    if units < 2:
        found.append(f"{units} patient validates: a verdict needs at least two, and {enough} to confirm anything")
    elif units < enough:
        found.append(f"{units} patients validate: over fewer than {enough} no difference, however clear, can be confirmed")
    both = set(index["patient"][index["split"] == "train"]) & set(index["patient"][index["split"] == "val"])
    if both:
        found.append(f"{len(both)} patients are on both sides of the split: what is measured is flattered by that")
    images = made.images
    for value, end in ((0, "low"), (255, "high")) if source.intensity.kind == "window" else ():
        if (share := float((images == value).mean())) > _CLIPPED:
            found.append(f"{share:.0%} of all pixels are {value}: does the window's `{end}` fit these files?")
    flat = index["slice"][images.min(axis=(1, 2)) == images.max(axis=(1, 2))].to_list()
    if flat:
        found.append(f"{len(flat)} slices show nothing at all: {_first(flat)}")
    for side in ("train", "val"):
        present = np.bincount(made.masks[made.rows(side)].ravel(), minlength=len(source.classes))
        lacking = [name for name, pixels in zip(source.classes, present, strict=True) if not pixels]
        if lacking:
            found.append(f"no {' and no '.join(lacking)} in the slices that {'train' if side == 'train' else 'validate'}")
    return found


def duplicates(made: Slices) -> list[tuple[str, str, float]]:
    """(training slice, validation slice, correlation of their thumbnails) of all pairs of different patients that are alike,
    most alike first; 1 for equal bytes. Slices that show nothing are left out."""
    block = slices.SIZE // _THUMBNAIL
    small = made.images.reshape(-1, _THUMBNAIL, block, _THUMBNAIL, block).mean(axis=(2, 4), dtype=np.float32)
    flat = small.reshape(len(small), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(flat, axis=1, keepdims=True)
    flat = np.divide(flat, lengths, out=np.zeros_like(flat), where=lengths > 0)
    train, val = made.rows("train"), made.rows("val")
    names, patients = made.index["slice"].to_list(), made.index["patient"].to_list()
    found = []
    for row in val:
        alike = flat[train] @ flat[row]
        for column in np.flatnonzero(alike > NEAR):
            other = train[column]
            if patients[other] == patients[row]:
                continue
            same = np.array_equal(made.images[other], made.images[row])
            found.append((names[other], names[row], 1.0 if same else min(float(alike[column]), 0.9999)))
    return sorted(found, key=lambda pair: (-pair[2], pair))


def _told(twins: list[tuple[str, str, float]]) -> list[str]:
    equal = [f"{one} = {other}" for one, other, alike in twins if alike == 1]
    near = [f"{one} ~ {other} ({alike:.3f})" for one, other, alike in twins if alike < 1]
    found = []
    if equal:
        found.append(f"{len(equal)} slices are on both sides of the split, byte for byte: {_first(equal)}")
    if near:
        found.append(f"{len(near)} pairs across the split are nearly alike: {_first(near)}; look at them")
    return found


def _pairs(made: Slices) -> int:
    return len(made.rows("train")) * len(made.rows("val"))


def _first(names: list[str]) -> str:
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
