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
from pathlib import Path

from cedice.data import pictures, reading
from cedice.data.cases import Case, Volume, by_rank
from cedice.data.intensity import Intensity
from cedice.data.source import Part, Source
from cedice.described import Files
from cedice.errors import CediceError

_TOKENS = re.compile(r"(\{[a-z]+\}|\*\*/|\*)")
_SIDES = {"train": "train", "training": "train", "val": "val", "validation": "val", "test": "val", "testing": "val"}


class FolderSource(Source):
    """See the module; everything is relative to the folder or archive that was given."""

    citation = "A data set of one's own."
    licence = "Its terms are those of whoever it belongs to."
    limits = (
        "No clinical use: it was made to compare two loss functions.",
        "It has seen this data set only; on scans of another device or hospital it may fail.",
        "Of a volume every slice is judged alone.",
    )

    def __init__(self, name: str, description: Files):
        self.name, self.classes = name, tuple(description.groups)
        self.parts = (Part(path=Path(description.path)),)
        self.advice = f"compare datasets.{name}.images and .masks in params.yaml with the paths in it"
        rule = description.intensity
        self.intensity = Intensity(rule.kind, rule.low, rule.high)
        self._description = description
        self._images, self._masks = (_compiled(pattern) for pattern in (description.images, description.masks))
        fields = self._images.groupindex
        self.patients_known = "patient" in fields
        every_fifth = f"every fifth {'patient' if self.patients_known else 'file'} in the order of their names"
        self.split = "as its folders say" if "split" in fields else every_fifth

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
            pattern = self._description.masks if key in images else self._description.images
            place = path.relative_to(root)
            problems.append(
                f"{self.name}: {place} has no {lacking} ({_filled(pattern, dict(key))}); add it, or take the file away"
            )
        both = sorted(images.keys() & masks.keys(), key=lambda key: _ordered(dict(key)))
        if not both and not problems:
            problems.append(f"{self.name}: no file fits {self._description.images!r}; {self.advice}")
        ranks = by_rank(_patient(dict(key)) for key in both)
        found = []
        for key in both:
            fields = dict(key)
            side = _SIDES.get(fields.get("split", "train").lower())
            if side is None:
                known = ", ".join(_SIDES)
                where = images[key].relative_to(root)
                problems.append(f"{self.name}: {where}: {{split}} is {fields['split']!r} here; use one of {known}")
                continue
            patient = _patient(fields)
            official = side if "split" in fields else None
            case = Case(_volume(fields), patient, fields.get("frame", ""), ranks[patient], official, images[key], masks[key])
            found.append(case)
        return found, problems

    def read(self, case: Case) -> Volume:
        """As every source's."""
        groups = tuple(self._description.groups.values())
        if reading.is_volume(case.image):
            return reading.volume(case, self.intensity, groups)
        return reading.picture(case, self.intensity, groups, self._description.channel)

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
                problems.append(f"{self.name}: {where}: not of a kind that is read ({kinds}); {advice}")
                continue
            key = tuple(sorted(match.groupdict().items()))
            if (other := found.setdefault(key, path)) != path:
                both = f"{path.relative_to(root)} and {other.relative_to(root)}"
                problems.append(f"{self.name}: {both} agree in all fields; name by another field what tells them apart")
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
