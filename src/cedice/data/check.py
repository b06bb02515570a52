"""What a data set holds, and everything that is wrong with it, before anything is trained. Behind `cedice data check`."""

import re
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from cedice.data import archives, place, preprocess, reading
from cedice.data.cases import Case
from cedice.data.duplicates import duplicates
from cedice.data.grid import Grid
from cedice.data.slices import SIZE, Slices
from cedice.data.source import Source
from cedice.data.sources.folder import FolderSource
from cedice.data.walk import walk
from cedice.errors import CediceError

_LOOKED_INTO = 20  # files whose own intensities are read, evenly spaced: reading is what takes the time
_NAMED = 5  # of a kind
_Cuts = Counter[str]  # by the ordinal of a file's axis
_CLIPPED = 0.9  # of all pixels, at one end of the window: so much is no air and no bone


@dataclass(frozen=True)
class Findings:
    """``lines``: what is there. ``warnings``: what to know before one trusts a result. ``problems``: what the pipeline would
    stop at. ``slices`` as it would train on them; None where there are none."""

    lines: list[str]
    warnings: list[str]
    problems: list[str]
    slices: Slices | None


def check(source: Source, split: str, enough: int, grid: Grid = Grid(SIZE)) -> Findings:  # noqa: B008  (frozen)
    """Read the whole data set; ``split`` and ``grid`` as in `preprocess.build`; ``enough``: patients that a verdict needs.

    CediceError where there is nothing to read.
    """
    with _unpacked(source) as (root, remarks):
        cases, problems = _cases(source, root)
        total = len(cases)
        builder, cases, cuts, headers, unread = _read(source, cases, grid)
        problems = [*grouped(problems, root, total), *grouped(unread, root, total)]
        if not cases:
            return Findings(remarks, [], problems, None)
        lines = [_intensities(source, cases)]
        try:
            slices = builder.split(split, source)
        except CediceError as error:
            return Findings([*remarks, *lines], [], [*problems, str(error)], None)
        headers = grouped(headers, root, total)
    if not problems:  # else what cannot be read is why somebody lacks
        problems = _unreported(source, slices)
    pairs = duplicates(slices)
    lines = [*_counts(source, slices, cuts), *lines, *_classes(source, slices), _split(source, slices, split), *remarks]
    compared = len(slices.rows("train", 0)) * len(slices.rows("val", 0))
    lines.append(f"duplicates: {len(pairs)} {_noun(len(pairs), 'pair')} of slices across the split, of {compared:,}")
    warnings = [
        *_few(source, slices, enough),
        *_leaks(slices),
        *_mixed_cuts(cuts),
        *_orientations(slices.index),
        *headers,
        *_clipped(source, slices),
        *_flat(slices),
        *_untrained(source, slices),
        *_inverted(source, slices),
        *_alike(pairs),
    ]
    return Findings(lines, warnings, problems, slices)


@contextmanager
def _unpacked(source: Source) -> Iterator[tuple[Path, list[str]]]:
    """Where the files lie, in the folder itself or a temporary one; and lines on those that are no part of the data set."""
    located = archives.locate(source)
    if isinstance(source, FolderSource) and located[0][1].is_dir():
        root = located[0][1]
        yield root, archives.left_out(source, walk(root))
        return
    with tempfile.TemporaryDirectory() as scratch:
        yield Path(scratch), archives.unpack(source, located, Path(scratch))


def _cases(source: Source, root: Path) -> tuple[list[Case], list[str]]:
    if isinstance(source, FolderSource):
        survey = source.survey(root)
        return survey.cases, survey.problems
    try:
        source.verify(root)
        return source.cases(root), []
    except CediceError as error:
        return [], [str(error)]


def _read(
    source: Source, cases: list[Case], grid: Grid
) -> tuple[preprocess.SliceBuilder, list[Case], _Cuts, list[str], list[str]]:
    """All slices; the cases that can be read; how often each axis is cut along; what is to be said of their headers; why the
    others cannot be read."""
    builder, read, headers, problems = preprocess.SliceBuilder(len(source.classes), grid), [], [], []
    cuts: _Cuts = Counter()
    for case in tqdm(cases, desc=f"check {source.name}", unit="volume", disable=None):
        try:
            volume = source.read(case)
            builder.add(case, source.sized(case, volume) if grid.spacing else volume)
        except CediceError as error:
            problems.append(str(error))
            continue
        read.append(case)
        if volume.cut is not None:
            cuts[place.ORDINALS[volume.cut]] += 1
        if volume.warning:
            headers.append(f"{case.image}: {volume.warning}")
    return builder, read, cuts, headers, problems


def grouped(lines: Sequence[str], root: Path, total: int) -> list[str]:
    """``lines`` with paths relative to ``root``; of those that say the same of many of ``total`` files the first alone, and
    how many they are."""
    alike = defaultdict(list)
    for line in (line.replace(f"{root}/", "") for line in lines):
        alike[re.sub(r"\S*[\d./]\S*", "…", line)].append(line)
    told = []
    for group in alike.values():
        if len(group) <= _NAMED:
            told += group
            continue
        path, colon, rest = group[0].partition(": ")
        named = colon and "." in path  # else it begins with the data set's name
        told.append(
            f"{len(group)} of {total} files: {rest} (first: {path})"
            if named
            else f"{len(group)} problems alike, the first: {group[0]}"
        )
    return told


def _counts(source: Source, slices: Slices, cuts: _Cuts) -> list[str]:
    index = slices.index
    sizes = Counter(f"{width}×{height}" for width, height in zip(index["native_width"], index["native_height"], strict=True))
    (most, _), *others = sizes.most_common()
    size = f"{len(sizes)} sizes, most often {most} pixels" if others else f"{most} pixels"
    patients = f" of {index['patient'].nunique()} patients" if source.patients_known else ""
    line = f"{index['volume'].nunique()} volumes or images{patients}, {len(index)} slices of {size}"
    spacings = index[["spacing_slices", "spacing_rows", "spacing_columns"]].astype(float)
    cut = f"; cut along the {' or the '.join(cuts)} axis of the files" if cuts else ""
    if spacings.isna().all(axis=None):
        return [line, f"spacing: not known{cut}"]
    ends = [" to ".join(dict.fromkeys(f"{end:.3g}" for end in (column.min(), column.max()))) for _, column in spacings.items()]
    units = "/".join("of unknown unit" if unit in ("", "unknown") else unit for unit in sorted(set(index["spacing_unit"])))
    return [line, f"spacing: {ends[0]} between slices, {ends[1]} × {ends[2]} in them, {units}{cut}"]


def _mixed_cuts(cuts: _Cuts) -> list[str]:
    told = ", ".join(f"{number} {'file' if number == 1 else 'files'} along the {axis}" for axis, number in cuts.most_common())
    return [f"slices are cut along different axes of the files ({told}): do all show the same view?"] if len(cuts) > 1 else []


def _intensities(source: Source, cases: list[Case]) -> str:
    """Of the files as they are, before the rule."""
    images = list(dict.fromkeys(case.image for case in cases))
    chosen = [images[number] for number in np.unique(np.linspace(0, len(images) - 1, _LOOKED_INTO).round().astype(int))]
    ends = np.array([np.percentile(reading.scan(image, source.channel).image, (0, 0.5, 99.5, 100)) for image in chosen])
    low, high = ends.min(axis=0), ends.max(axis=0)
    rule = source.intensity
    of = "" if len(chosen) == len(images) else f" (in {len(chosen)} of the files)"
    become = f"{rule.kind} {rule.low:g} to {rule.high:g} become grey 0 to 255"
    if (rule.kind, rule.low, rule.high) == ("window", 0, 255):
        become = "grey values as they are"
    middle = f"the middle 99 % within {low[1]:.4g} to {high[2]:.4g}{of}"
    return f"intensity: {low[0]:.4g} to {high[3]:.4g}, {middle}; the rule: {become}"


def _classes(source: Source, slices: Slices) -> list[str]:
    summary = preprocess.summary(slices, source)
    classes = summary["classes"].items()
    shares = ", ".join(f"{name} {values['fraction']:.2%}" for name, values in classes)
    without = ", ".join(f"{values['slices_without']} {name}" for name, values in list(classes)[1:])
    return [
        f"classes: {shares}",
        f"slices without foreground: {summary['slices_without_foreground']}; without each class: {without}",
    ]


def _split(source: Source, slices: Slices, split: str) -> str:
    sides = []
    for side, verb in (("train", "train"), ("val", "validate")):
        rows = slices.index.iloc[slices.rows(side, 0)]
        patients = rows["patient"].nunique()
        images = f"{len(rows)} {_noun(len(rows), 'slice')}"
        known = source.patients_known or patients < len(rows)
        who = f"{patients} {_noun(patients, 'patient')} ({images})" if known else images
        sides.append(f"{who} {verb}{'s' if who.startswith('1 ') else ''}")
    rule = {"slice": "every fifth slice"}.get(split, "the first of five folds" if "fold" in slices.index else source.split)
    return f"split: {', '.join(sides)}; {rule}"


def _unreported(source: Source, slices: Slices) -> list[str]:
    """What the pipeline would train on, and could make no report of."""
    found = preprocess.summary(slices, source)
    alone = f"split: 1 {found['unit']} validates, but a verdict needs at least two; add more (every fifth validates)"
    told = [alone] if found["validation_patients"] < 2 else []
    return told + [line for line in [preprocess.unmeasured(slices, source.classes)] if line]


def _few(source: Source, slices: Slices, enough: int) -> list[str]:
    units = slices.index["patient"].iloc[slices.rows("val", 0)].nunique()
    unit = preprocess.summary(slices, source)["unit"]
    if 1 < units < enough:
        return [f"{units} {unit}s validate: over fewer than {enough} no difference, however clear, can be confirmed"]
    return []


def _leaks(slices: Slices) -> list[str]:
    both = len(set.intersection(*(set(slices.index["patient"].iloc[slices.rows(side, 0)]) for side in ("train", "val"))))
    return (
        [f"on both sides of the split: {both} {_noun(both, 'patient')}; what is measured is flattered by that"] if both else []
    )


def _orientations(index: pd.DataFrame) -> list[str]:
    codes = index.drop_duplicates("volume")["axes"].value_counts()
    kinds = ", ".join(f"{number} {code or 'unknown'}" for code, number in codes.items())
    return [f"the volumes' axes point in different directions ({kinds}): are all upright alike?"] if len(codes) > 1 else []


def _clipped(source: Source, slices: Slices) -> list[str]:
    ends = ((0, "low"), (255, "high")) if source.intensity.kind == "window" else ()
    shares = {(value, end): float((slices.images == value).mean()) for value, end in ends}
    advice = "of all pixels are {}: does the window's `{}` fit these files?"
    return [f"{share:.0%} {advice.format(*at)}" for at, share in shares.items() if share > _CLIPPED]


def _flat(slices: Slices) -> list[str]:
    flat = slices.index["slice"][slices.images.min(axis=(1, 2)) == slices.images.max(axis=(1, 2))].to_list()
    return [f"{len(flat)} {_noun(len(flat), 'slice')} without any contrast: {_first(flat)}"] if flat else []


def _untrained(source: Source, slices: Slices) -> list[str]:
    shown = slices.index.iloc[slices.rows("train", 0)]
    lacking = [name for label, name in enumerate(source.classes) if label and not shown[f"pixels_{label}"].any()]
    return [f"no {' and no '.join(lacking)} in the slices that train"] if lacking else []


def _inverted(source: Source, slices: Slices) -> list[str]:
    classes = preprocess.summary(slices, source)["classes"].items()
    (_, background), *others = ((name, found["fraction"]) for name, found in classes)
    name, share = max(others, key=lambda each: each[1])
    told = f"{name} covers {share:.0%} of the pixels, the background {background:.0%}: are the masks inverted?"
    return [f"{told} If so, exchange the two under classes"] if share > background else []


def _alike(pairs: list[tuple[str, str, float]]) -> list[str]:
    equal = [f"{train} = {val}" for train, val, alike in pairs if alike == 1]
    near = [f"{train} ~ {val} ({alike:.3f})" for train, val, alike in pairs if alike < 1]
    told = []
    if equal:
        told.append(f"{len(equal)} slices are on both sides of the split, byte for byte: {_first(equal)}")
    if near:
        told.append(f"{len(near)} pairs across the split are nearly alike: {_first(near)}; look at them")
    return told


def _noun(number: int, noun: str) -> str:
    return noun if number == 1 else f"{noun}s"


def _first(names: list[str]) -> str:
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
