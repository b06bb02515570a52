"""A person's own data set, as `params.yaml` describes it: which files are images and masks, and what their paths say.

A pattern is a path below the data set's folder (or in its archive) in which

    {name}   stands for a piece of one folder's or file's name, as short as it can be; where it stands again, for the same piece
    *        for any piece, also none; **/ for any folders, also none

Names are compared in Unicode's composed form, endings (.png) without upper and lower case. An image and a mask belong together
where all fields agree; a file that fits the masks' pattern is no image. Three fields have a meaning: {patient}, who is never on
both sides of the split (without it every file is a patient of its own); {split}, whose names say the split; {frame}, a point in
time.
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from cedice.data import reading
from cedice.data.cases import Case, Volume, by_rank
from cedice.data.intensity import Intensity
from cedice.data.source import Part, Source
from cedice.data.sources.pattern import Fields, Pattern
from cedice.data.walk import Tree, is_text, walk
from cedice.described import Files
from cedice.errors import CediceError, printable

_SIDES = {"train": "train", "training": "train", "val": "val", "validation": "val", "test": "val", "testing": "val"}
_Key = tuple[tuple[str, str], ...]  # the fields of a path


@dataclass(frozen=True)
class Survey:
    """``cases``: all that can be made of the files. ``problems``: a line for every file that is in the way."""

    cases: list[Case]
    problems: list[str]


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
        self.intensity, self.channel = Intensity(rule.kind, rule.low, rule.high), description.channel
        self.patients_known = "{patient}" in description.images
        every_fifth = f"every fifth {'patient' if self.patients_known else 'file'} in the order of their names"
        self.split = "as its folders say" if "{split}" in description.images else every_fifth
        self._description = description
        self._images, self._masks = Pattern(description.images), Pattern(description.masks)

    def canonical(self, name: str) -> str | None:
        return name if self._masks.match(name) or self._images.match(name) else None

    def verify(self, root: Path) -> None:
        self.cases(root)

    def cases(self, root: Path) -> list[Case]:
        """As every source's; CediceError for the first of the survey's problems."""
        survey = self.survey(root)
        if survey.problems:
            raise CediceError(survey.problems[0])
        return survey.cases

    def survey(self, root: Path) -> Survey:
        """All cases and problems of the files under ``root``, named relative to it: it may be a temporary folder."""
        tree = walk(root)
        problems = self._in_the_way(tree, root)
        masks, refused = self._matched(tree, "masks", self._masks)
        images, more = self._matched(tree, "images", self._images, set(masks.values()))
        problems += refused + more
        for key in sorted(images.keys() ^ masks.keys()):
            name, lacking, pattern = (
                (images[key], "mask", self._masks) if key in images else (masks[key], "image", self._images)
            )
            wanted = printable(pattern.filled(dict(key)))
            problems.append(f"{self.name}: {printable(name)} has no {lacking} ({wanted}); add it, or take the file away")
        pairs = sorted(
            (key for key in images.keys() & masks.keys() if _readable(images[key]) and _readable(masks[key])),
            key=lambda key: _ordered(dict(key)),
        )
        if not pairs and not problems:
            problems.append(f"{self.name}: no file fits {self._description.images!r}; {self.advice}")
        problems += self._clashes({key: images[key] for key in pairs})
        ranks = by_rank(_patient(dict(key)) for key in pairs)
        cases = []
        for key in pairs:
            fields, image, mask = dict(key), tree.files[images[key]], tree.files[masks[key]]
            side = _SIDES.get(fields.get("split", "train").lower())
            if side is None:
                where, known = printable(images[key]), ", ".join(_SIDES)
                problems.append(f"{self.name}: {where}: {{split}} is {fields['split']!r} here; use one of {known}")
                continue
            patient, official = _patient(fields), side if "split" in fields else None
            cases.append(Case(_volume(fields), patient, fields.get("frame", ""), ranks[patient], official, image, mask))
        return Survey(cases, problems)

    def read(self, case: Case) -> Volume:
        """As every source's."""
        groups = tuple(self._description.groups.values())
        if reading.is_volume(case.image):
            return reading.volume(case, self.intensity, groups)
        return reading.picture(case, self.intensity, groups, self.channel)

    def _in_the_way(self, tree: Tree, root: Path) -> list[str]:
        """Lines for what may hide an image or a mask."""
        problems = []
        for name, target in tree.dangling.items():
            if self.canonical(name) or not Path(name).suffix:  # without a suffix it may have been a folder
                shown = printable(name)
                problems.append(f"{self.name}: {shown}: a link that leads nowhere ({printable(target)}); mend it or remove it")
        for clash in tree.clashes:
            one, other = (ascii(str(Path(path).relative_to(root))) for path in clash)  # or they would look the same
            advice = "one is written with composed letters (NFC), one with separate accents (NFD); rename one"
            problems.append(f"{self.name}: {one} and {other} are one name: {advice}")
        for name in tree.files:
            if not is_text(name) and self.canonical(name):
                problems.append(f"{self.name}: {printable(name)}: its name is not UTF-8; rename it")
        return problems

    def _matched(
        self, tree: Tree, kind: str, pattern: Pattern, taken: Collection[str] = ()
    ) -> tuple[dict[_Key, str], list[str]]:
        """The names of the files that fit, by their fields, and a line for each that cannot be used."""
        names: dict[_Key, str] = {}
        problems = []
        for name in tree.files:
            fields = pattern.match(name) if is_text(name) and name not in taken else None
            if fields is None:
                continue
            shown, key = printable(name), tuple(fields.items())
            if not _readable(name):
                advice = "make the pattern narrower, or convert it"
                problems.append(f"{self.name}: {shown}: not of a kind that is read ({reading.KINDS}); {advice}")
            if (other := names.setdefault(key, name)) != name:
                narrower = pattern.narrowed(other, name)
                advice = f"choose one, as by {kind}: {narrower!r}, or " if narrower else ""
                problems.append(
                    f"{self.name}: {printable(other)} and {shown} both fit {kind} and agree in all fields; "
                    f"{advice}name by another field what tells them apart"
                )
        return names, problems

    def _clashes(self, names: dict[_Key, str]) -> list[str]:
        """Lines for patients, or else volumes, whose names differ in upper and lower case alone, or not at all."""
        for kind, named in (("patient", _patient), ("volume", _volume)):
            alike: dict[str, dict[str, str]] = defaultdict(dict)  # name in small letters → {what must differ: path}
            for key, path in names.items():
                name = named(dict(key))
                alike[name.casefold()].setdefault(name if kind == "patient" else path, path)
            lines = []
            for name, paths in alike.items():
                if len(paths) > 1:
                    first, second = (printable(path) for path in [*paths.values()][:2])
                    lines.append(
                        f"{self.name}: {first} and {second} would both be of {kind} {printable(name)} "
                        "(upper and lower case alike); rename one"
                    )
            if lines:
                return lines
        return []


def _readable(name: str) -> bool:
    return reading.is_scan(Path(name))


def _volume(fields: Fields) -> str:
    """All fields, so that no two volumes have one name."""
    return "_".join(_ordered(fields))


def _ordered(fields: Fields) -> list[str]:
    """Split and patient first."""
    return [fields[name] for name in sorted(fields, key=lambda name: (name != "split", name != "patient", name))]


def _patient(fields: Fields) -> str:
    return fields.get("patient", _volume(fields))
