"""A person's own data set, as `params.yaml` describes it: which files are images and masks, and what their paths say.

A pattern is a path below the data set's folder (or in its archive) in which

    {name}   stands for a piece of one folder's or file's name, as short as it can be; where it stands again, for the same piece
    *        for any piece, also none; **/ for any folders, also none

An image and a mask belong together where all fields agree; a file that fits the masks' pattern is no image. Three fields have a
meaning: {patient}, who is never on both sides of the split (without it every file is a patient of its own); {split}, whose
names say the split; {frame}, a point in time.
"""

import re
from collections.abc import Collection
from functools import cached_property
from pathlib import Path

from cedice.data import pictures, reading
from cedice.data.cases import Case, Volume, by_rank
from cedice.data.intensity import Intensity
from cedice.data.source import Part
from cedice.described import Files
from cedice.errors import CediceError

_TOKENS = re.compile(r"(\{[a-z]+\}|\*\*/|\*)")
_SIDES = {"train": "train", "training": "train", "val": "val", "validation": "val", "test": "val", "testing": "val"}
_PLACE = "datasets"  # the key of params.yaml


class FolderSource:
    """See `cedice.data.sources` for what the members mean; everything is relative to the folder or archive that was given."""

    FACTS = None
    CITATION = "A data set of one's own."
    LICENCE = "Its terms are those of whoever it belongs to."
    LIMITS = (
        "No clinical use: it was made to compare two loss functions.",
        "It has seen this data set only; on scans of another device or hospital it may fail.",
        "Of a volume every slice is judged alone.",
    )

    def __init__(self, name: str, given: Files):
        self.NAME = name
        self._given = given
        self._images, self._masks = (_compiled(pattern) for pattern in (given.images, given.masks))

    @property
    def CLASSES(self) -> tuple[str, ...]:  # noqa: N802
        return tuple(self._given.groups)

    @cached_property
    def INTENSITY(self) -> Intensity:  # noqa: N802
        rule = self._given.intensity
        return Intensity(rule.kind, rule.low, rule.high)

    @property
    def PARTS(self) -> tuple[Part, ...]:  # noqa: N802
        return (Part(path=Path(self._given.path)),)

    @property
    def ADVICE(self) -> str:  # noqa: N802
        return f"compare {_PLACE}.{self.NAME}.images and .masks with the paths in it"

    @property
    def SPLIT(self) -> str:  # noqa: N802
        if "split" in self._images.groupindex:
            return "as its folders say"
        return f"every fifth {'patient' if 'patient' in self._images.groupindex else 'file'} in the order of their names"

    def canonical(self, name: str) -> str | None:
        return name if self._masks.fullmatch(name) or self._images.fullmatch(name) else None

    def verify(self, root: Path) -> None:
        self.cases(root)

    def cases(self, root: Path) -> list[Case]:
        """As every source's; CediceError for the first of the `problems`."""
        found, problems = self.survey(root)
        if problems:
            raise CediceError(problems[0])
        return found

    def survey(self, root: Path) -> tuple[list[Case], list[str]]:
        """All cases that can be made of the files under ``root``, and a line for every file that is in the way, named relative
        to it: it may be a temporary folder."""
        masks, problems = self._matched(root, self._masks)
        taken = set(masks.values())
        images, more = self._matched(root, self._images, taken)
        problems += more
        for key in sorted(images.keys() ^ masks.keys()):
            path, lacking = (images[key], "mask") if key in images else (masks[key], "image")
            pattern = self._given.masks if key in images else self._given.images
            place = path.relative_to(root)
            problems.append(
                f"{self.NAME}: {place} has no {lacking} ({_filled(pattern, dict(key))}); add it, or take the file away"
            )
        both = sorted(images.keys() & masks.keys(), key=lambda key: _ordered(dict(key)))
        if not both and not problems:
            problems.append(f"{self.NAME}: no file fits {self._given.images!r}; {self.ADVICE}")
        ranks = by_rank(_patient(dict(key)) for key in both)
        found = []
        for key in both:
            fields = dict(key)
            side = _SIDES.get(fields.get("split", "train").lower())
            if side is None:
                known = ", ".join(_SIDES)
                where = images[key].relative_to(root)
                problems.append(f"{self.NAME}: {where}: {{split}} is {fields['split']!r} here; use one of {known}")
                continue
            patient = _patient(fields)
            official = side if "split" in fields else None
            case = Case(_volume(fields), patient, fields.get("frame", ""), ranks[patient], official, images[key], masks[key])
            found.append(case)
        return found, problems

    def read(self, case: Case) -> Volume:
        """As every source's."""
        groups = tuple(self._given.groups.values())
        if reading.is_volume(case.image):
            return reading.volume(case, self.INTENSITY, groups)
        return reading.picture(case, self.INTENSITY, groups, self._given.channel)

    def _matched(
        self, root: Path, pattern: re.Pattern[str], taken: Collection[Path] = ()
    ) -> tuple[dict[tuple[tuple[str, str], ...], Path], list[str]]:
        found: dict[tuple[tuple[str, str], ...], Path] = {}
        problems = []
        for path in sorted(path for path in root.rglob("*") if path.is_file() and path not in taken):
            match = pattern.fullmatch(path.relative_to(root).as_posix())
            if not match:
                continue
            if not path.name.lower().endswith((*reading.VOLUMES, *pictures.SUFFIXES)):
                kinds, where = ", ".join((*reading.VOLUMES, *pictures.SUFFIXES)), path.relative_to(root)
                advice = "make the pattern narrower, or convert it"
                problems.append(f"{self.NAME}: {where}: not of a kind that is read ({kinds}); {advice}")
                continue
            key = tuple(sorted(match.groupdict().items()))
            if (other := found.setdefault(key, path)) != path:
                both = f"{path.relative_to(root)} and {other.relative_to(root)}"
                problems.append(f"{self.NAME}: {both} agree in all fields; name by another field what tells them apart")
        return found, problems


def _compiled(pattern: str) -> re.Pattern[str]:
    seen: set[str] = set()
    parts = []
    for token in _TOKENS.split(pattern):
        if token.startswith("{"):
            name = token[1:-1]
            parts.append(f"(?P={name})" if name in seen else f"(?P<{name}>[^/]+?)")
            seen.add(name)
        else:
            parts.append({"**/": "(?:[^/]+/)*", "*": "[^/]*"}.get(token) or re.escape(token))
    return re.compile("".join(parts))


def _filled(pattern: str, fields: dict[str, str]) -> str:
    for name, value in fields.items():
        pattern = pattern.replace(f"{{{name}}}", value)
    return pattern


def _volume(fields: dict[str, str]) -> str:
    """All fields, so that no two volumes have one name."""
    return "_".join(_ordered(fields))


def _ordered(fields: dict[str, str]) -> list[str]:
    """Split and patient first."""
    return [fields[name] for name in sorted(fields, key=lambda name: (name != "split", name != "patient", name))]


def _patient(fields: dict[str, str]) -> str:
    return fields.get("patient", _volume(fields))
