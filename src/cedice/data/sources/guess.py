"""Which paths of a folder are images and which are their masks, guessed from their names (`cedice.data.propose`); and which
label map belongs to which truth (`cedice.evaluation.compare`)."""

import re
from collections import Counter, defaultdict
from pathlib import PurePosixPath
from typing import NamedTuple

from cedice.data.sources.pattern import Pattern
from cedice.data.walk import composed
from cedice.errors import CediceError

_MASKS = {"mask", "masks", "label", "labels", "gt", "seg", "segs", "segmentation", "segmentations", "annotation", "annotations",
          "truth", "groundtruth", "manual", "roi"}  # fmt: skip
_IMAGES = {"image", "images", "img", "imgs", "scan", "scans", "picture", "pictures", "photo", "photos"}
_SPLITS = {"train", "training", "val", "validation", "test", "testing"}
_CHANNEL = re.compile(r"_\d{4}$")  # of nnU-Net's images
_FIELDS = ("name", "part", "piece", "rest")
BY_HAND = (
    "write datasets.NAME into params.yaml by hand, with images and masks as in 'images/{name}.png' and 'masks/{name}.png', or "
    "say where: --images FOLDER --masks FOLDER"
)


class Guess(NamedTuple):
    """The patterns of ``images`` and ``masks``, the ``pairs`` (image, mask) that fit them, and ``notes``."""

    images: str
    masks: str
    pairs: list[tuple[str, str]]
    notes: list[str]


def patterns(names: list[str], images: str = "", masks: str = "") -> Guess:
    """How the files of these names go together; ``images``, ``masks``: a folder, or a pattern, that they are in; "" to guess.

    CediceError where no pairing can be guessed, or more than one.
    """
    chosen_images, chosen_masks = _under(names, "--images", images), _under(names, "--masks", masks)
    taken = {*chosen_images, *chosen_masks}
    of_images = chosen_images or [name for name in names if not _is_mask(name) and name not in taken]
    of_masks = chosen_masks or [name for name in names if _is_mask(name) and name not in taken]
    if not of_masks:
        raise CediceError(f"no file is named as a mask is (mask, label, seg, gt, …); {BY_HAND}")
    guesses = []
    for mask_group in _alike(of_masks, masks):
        for image_group in _alike(of_images, images):
            if guess := _guess(image_group, mask_group, images, masks):
                guesses.append(guess)
    guesses.sort(key=lambda guess: (-len(guess.pairs), guess))
    if not guesses:
        alone = ", and one image is no data set: every fifth patient validates" if len(of_images) == 1 else ""
        unpaired = f"no image has the name of a mask ({of_masks[0]}, say){alone}; {BY_HAND}"
        raise CediceError(_several_each(of_images, of_masks) or unpaired)
    first, *others = guesses
    with_pairs = {image for image, _ in first.pairs}
    if apart := [guess for guess in others if {image for image, _ in guess.pairs} - with_pairs]:
        shown = " and ".join(
            f"--images '{guess.images}' --masks '{guess.masks}' ({len(guess.pairs)} pairs)" for guess in (first, apart[0])
        )
        raise CediceError(f"more than one data set could be meant: {shown}; choose one by these options, or name its folder")
    if others:
        first.notes.append(f"the images have other masks, too: {', '.join(g.masks for g in others)}; take those that you mean")
    return first


def _under(names: list[str], option: str, given: str) -> list[str]:
    """The files that an option means."""
    if not given:
        return []
    folder, pattern = f"{composed(given).removeprefix('./').rstrip('/')}/", Pattern(given) if "{" in given else None
    inside = [name for name in names if (pattern.match(name) if pattern else name.startswith(folder))]
    if not inside:
        raise CediceError(f"{option} {given}: no file there; give a folder in the data set, or a pattern as 'set/{{name}}.png'")
    return inside


def _alike(names: list[str], given: str) -> list[list[str]]:
    """Those of one layout; all that fit a given pattern."""
    groups = defaultdict(list)
    for name in names:
        groups[() if "{" in given else _layout(name)].append(name)
    return list(groups.values())


def _several_each(images: list[str], masks: list[str]) -> str:
    """What to do where every mask belongs to an image by a folder's name or the beginning of its own, and some images have
    several, as where every nucleus is a file; else ""."""
    known = {PurePosixPath(name.removesuffix(_ending(name))).name for name in images}
    owners = defaultdict(list)
    for mask in masks:
        *folders, last = mask.removesuffix(_ending(mask)).split("/")
        pieces = last.split("_")
        names = ["_".join(pieces[:end]) for end in range(len(pieces), 0, -1)] + folders[::-1]
        owners[next((name for name in names if name in known), None)].append(mask)
    most = max(owners.values(), key=len)
    if None in owners or len(most) < 2:
        return ""
    return (
        f"{len(owners)} images have {len(masks)} masks, as {most[0]} and {most[1]} of one image; merge those of an image into "
        "one file, 0 where there is nothing and a number for each class, and add that"
    )


def _words(piece: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", piece)}


def _is_mask(name: str) -> bool:
    """By the last of its folders, or its own name, that says so."""
    for piece in reversed(name.split("/")):
        if words := _words(piece) & (_MASKS | _IMAGES):
            return bool(words & _MASKS)
    return False


def _layout(name: str) -> tuple:
    """Depth, ending, and what in the name says that it is a mask (and whose: manual1, manual2) or an image."""
    *folders, last = name.split("/")
    said = [
        piece for piece in (*folders, last.removesuffix(_ending(last)).split("_")[-1]) if _words(piece) & (_MASKS | _IMAGES)
    ]
    return len(folders), _ending(last).lower(), *said


def _ending(last: str) -> str:
    ending = PurePosixPath(last).suffix
    return f"{PurePosixPath(last).with_suffix('').suffix}{ending}" if ending.lower() == ".gz" else ending


def _guess(images: list[str], masks: list[str], image_pattern: str, mask_pattern: str) -> Guess | None:
    """What these have in common; the patterns where they are given."""
    if not (image_pattern or mask_pattern) and images[0].count("/") != masks[0].count("/"):
        return None
    channels = Counter(match[1] for name in images if (match := re.search(r"_(\d{4})\.", name)))
    if len(channels) > 1 and sum(channels.values()) == len(images):  # nnU-Net's channels: the first
        images = [name for name in images if f"_{min(channels)}." in name]
    both = (
        image_pattern if "{" in image_pattern else _pattern(images),
        mask_pattern if "{" in mask_pattern else _pattern(masks),
    )
    if None in both:
        return None
    try:
        image, mask = (Pattern(text) for text in both if text)
    except (re.error, ValueError):
        return None
    if image.fields != mask.fields or not image.fields:
        return None
    named = {tuple(fields.items()): name for name in masks if (fields := mask.match(name))}
    pairs = [(name, named[key]) for name in images if (fields := image.match(name)) and (key := tuple(fields.items())) in named]
    return Guess(image.text, mask.text, pairs, []) if pairs else None


def _pattern(names: list[str]) -> str | None:
    """What varies from name to name as fields; None where that is not plain."""
    rows = [name.removesuffix(_ending(name)).split("/") for name in names]
    free, patient, parts = list(_FIELDS), None, []
    for column, values in enumerate(zip(*rows, strict=True)):
        last = column == len(rows[0]) - 1
        if len(set(values)) == 1 and not (last and len(names) == 1):
            parts.append(values[0])
        elif {value.lower() for value in values} <= _SPLITS:
            parts.append("{split}")
        elif not last and patient is None:
            patient = values
            parts.append("{patient}")
        else:
            parts.append(_pieces(list(values), patient, free))
    text = "/".join(parts) + _ending(names[0]).lower()
    return text if text.count("{") else None


def _pieces(values: list[str], patient: tuple[str, ...] | None, free: list[str]) -> str:
    """The pattern of one folder's or file's names: pieces between _ that vary are fields."""
    rows = [value.split("_") for value in values]
    if len({len(row) for row in rows}) > 1:
        return _affixed(values, free)
    columns = list(zip(*rows, strict=True))
    varying = [column for column in columns if len(set(column)) > 1]
    repeated = patient is None and len(varying) > 1 and len(set(varying[0])) < len(values)
    parts = []
    for column in columns:
        if len(set(column)) == 1:
            parts.append(column[0])
        elif column == patient or (repeated and column is varying[0]):
            parts.append("{patient}")
        elif free:
            parts.append(f"{{{free.pop(0)}}}")
        else:
            return _affixed(values, free)
    return "_".join(parts)


def _affixed(values: list[str], free: list[str]) -> str:
    """One field, between what all names begin and end with."""
    end = next(
        (tail for tail in (f"_{value.split('_')[-1]}" for value in values[:1]) if all(v.endswith(tail) for v in values)), ""
    )
    return f"{{{free.pop(0) if free else 'other'}}}{end}"


def masks(names: list[str]) -> list[str]:
    """Those that are named as masks are; all, where none is."""
    return [name for name in names if _is_mask(name)] or names


def counterparts(labels: list[str], truths: list[str]) -> dict[str, tuple[str, str]]:
    """{case: (label map, truth)}, sorted: the `masks` whose names agree but for endings and words that say what a file is
    (case1_labels.nii.gz, labelsTr/case1.nii.gz, case1_gt.nii); folders count where a file's own name does not tell. nnU-Net's
    channel (case1_0000) may stand in one of the two.

    CediceError for two files of one side with the same name.
    """
    sides = [{name: _case(name) for name in masks(side)} for side in (labels, truths)]
    by_own_name = all(len({case[-1] for case in side.values()}) == len(side) for side in sides)
    ours: dict[str, str] = {}
    theirs: dict[str, str] = {}
    for side, by_case in zip(sides, (ours, theirs), strict=True):
        for name, parts in side.items():
            case = parts[-1] if by_own_name else "/".join(parts)
            if (other := by_case.setdefault(case, name)) != name:
                raise CediceError(f"{other} and {name} are both named as case {case}; take one away")
    without_channel = {_CHANNEL.sub("", case): name for case, name in theirs.items()}
    pairs = {}
    for case, name in ours.items():
        truth = theirs.get(case) or theirs.get(_CHANNEL.sub("", case)) or without_channel.get(case)
        if truth:
            pairs[case] = (name, truth)
    return dict(sorted(pairs.items()))


def _case(name: str) -> tuple[str, ...]:
    """What a path says beside what kind of file it is."""
    *folders, last = name.split("/")
    parts = (*folders, last.removesuffix(_ending(last)))
    own = tuple("_".join(piece for piece in part.split("_") if not _is_word(piece)) for part in parts)
    return tuple(filter(None, own)) or (parts[-1],)


def _is_word(piece: str) -> bool:
    return piece.isalpha() and bool(_words(piece) & (_MASKS | _IMAGES))
