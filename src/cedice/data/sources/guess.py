"""Which paths of a folder are images and which are their masks, guessed from their names (`cedice.data.propose`)."""

import re
from collections import Counter, defaultdict
from pathlib import PurePosixPath

from cedice.data.sources.pattern import Pattern
from cedice.errors import CediceError

_MASKS = {"mask", "masks", "label", "labels", "gt", "seg", "segs", "segmentation", "segmentations", "annotation", "annotations",
          "truth", "groundtruth", "manual", "roi"}  # fmt: skip
_IMAGES = {"image", "images", "img", "imgs", "scan", "scans", "picture", "pictures", "photo", "photos"}
_SPLITS = {"train", "training", "val", "validation", "test", "testing"}
_FIELDS = ("name", "part", "piece", "rest")
Patterns = tuple[str, str]
BY_HAND = "write datasets.NAME into params.yaml by hand, with images and masks as in 'images/{name}.png' and 'masks/{name}.png'"


def patterns(names: list[str]) -> tuple[Patterns, list[tuple[str, str]], list[str]]:
    """The patterns of images and masks, the (image, mask) pairs that fit them, and patterns of other masks of these images.

    CediceError where no pairing can be guessed, or more than one.
    """
    groups: dict[bool, dict[tuple, list[str]]] = {True: defaultdict(list), False: defaultdict(list)}
    for name in names:
        groups[_is_mask(name)][_layout(name)].append(name)
    if not groups[True]:
        raise CediceError(f"no file is named as a mask is (mask, label, seg, gt, …); {BY_HAND}")
    guesses = []
    for masks in groups[True].values():
        for images in groups[False].values():
            if guess := _guess(images, masks):
                guesses.append(guess)
    guesses.sort(key=lambda guess: (-len(guess[1]), guess[0]))
    if not guesses:
        raise CediceError(f"no image has the name of a mask ({groups[True].popitem()[1][0]}, say); {BY_HAND}")
    chosen, pairs = guesses[0]
    chosen_images = {image for image, _ in pairs}
    others = [guess for guess in guesses[1:] if {image for image, _ in guess[1]} - chosen_images]
    if others:
        shown = " and ".join(f"{images} ({len(pairs)} pairs)" for (images, _), pairs in [guesses[0], others[0]])
        raise CediceError(f"more than one data set could be meant: {shown}; name the folder of one, or {BY_HAND}")
    return chosen, pairs, [masks for (_, masks), _ in guesses[1:]]


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


def _guess(images: list[str], masks: list[str]) -> tuple[Patterns, list[tuple[str, str]]] | None:
    if images[0].count("/") != masks[0].count("/"):
        return None
    channels = Counter(match[1] for name in images if (match := re.search(r"_(\d{4})\.", name)))
    if len(channels) > 1 and sum(channels.values()) == len(images):  # nnU-Net's channels: the first
        images = [name for name in images if f"_{min(channels)}." in name]
    both = (_pattern(images), _pattern(masks))
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
    return ((image.text, mask.text), pairs) if pairs else None


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
