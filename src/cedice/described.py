"""How `params.yaml` describes data sets, where they come from, and grids, as typed, validated objects."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, field_validator, model_validator

PUBLISHED = (  # all of `cedice.data.registry`, as a test makes sure; the paper's first
    "acdc",
    "covid19",
    "hippocampus",
    "acdc-test",
)
_FIELDS = re.compile(r"\{([a-z]+)\}")


def _spelt(pattern: str, words: str) -> AfterValidator:
    """At most 60 letters that fit ``pattern``; ``words`` say so."""

    def check(text: str) -> str:
        if len(text) > 60 or not re.fullmatch(pattern, text):
            raise ValueError(f"a name here has {words}; at most 60 of them")
        return text

    return AfterValidator(check)


# A data set's name goes into paths and names of stages, that of a class into tables and pages as it is.
Name = Annotated[str, _spelt("[A-Za-z][A-Za-z0-9_-]*", "letters a to z, then also digits, - and _")]
Label = Annotated[str, _spelt(r"\w[\w ,.()/+-]*", "letters and digits, after the first also blanks and , . ( ) / + -")]
Value = Annotated[int, Field(ge=-(2**31), lt=2**31)]  # in a mask


class Strict(BaseModel):
    """No key but the known, no text for a number, no NaN."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Rule(Strict):
    """Which intensities become 0 and 255: percentiles of a volume, or a window (`cedice.data.intensity`)."""

    kind: Literal["percentiles", "window"]
    low: float
    high: float

    @model_validator(mode="after")
    def _rising(self) -> "Rule":
        if self.low >= self.high:
            raise ValueError("low must lie below high")
        if self.kind == "percentiles" and not 0 <= self.low < self.high <= 100:
            raise ValueError("percentiles lie between 0 and 100")
        return self


Channel = Literal["grey", "red", "green", "blue"]  # of images in colour; grey: their luminance


class Files(Strict):
    """A data set of one's own: ``path`` of its folder or archive; which paths in it are ``images`` and ``masks``
    (`cedice.data.sources.folder`); the ``classes``, each with the value or values that it has in a mask; the ``channel`` that
    is taken of images in colour, which are refused without it."""

    kind: Literal["files"]
    path: Annotated[str, Field(min_length=1)]
    images: str
    masks: str
    classes: Annotated[dict[Label, Value | list[Value]], Field(min_length=2, max_length=64)]
    intensity: Rule
    channel: Channel | None = None

    @field_validator("images", "masks")
    @classmethod
    def _has_fields(cls, pattern: str) -> str:
        if not _FIELDS.findall(pattern):
            raise ValueError("needs a field in braces that pairs image and mask, as in images/{name}.png")
        if re.search("[{}]", _FIELDS.sub("", pattern)):
            raise ValueError("a field is one word of small letters in braces, as in {patient}")
        if pattern.startswith("/") or "\\" in pattern:
            raise ValueError("must be a path below the data set's folder, with / between folders")
        return pattern

    @field_validator("classes")
    @classmethod
    def _each_value_once(cls, classes: dict[str, int | list[int]]) -> dict[str, int | list[int]]:
        values = [value for group in classes.values() for value in (group if isinstance(group, list) else [group])]
        if len(set(values)) < len(values):
            raise ValueError("a value stands there twice")
        if [] in classes.values():
            raise ValueError("a class has no value")
        if "background" not in classes:
            raise ValueError("one of the classes must be background")
        return classes

    @model_validator(mode="after")
    def _same_fields(self) -> "Files":
        if set(_FIELDS.findall(self.images)) != set(_FIELDS.findall(self.masks)):
            raise ValueError("images and masks must have the same fields, by which they are paired")
        return self

    @property
    def groups(self) -> dict[str, tuple[int, ...]]:
        """The values of each class: the background first, the others by their lowest value, in whatever order they stand."""
        groups = {name: tuple(group) if isinstance(group, list) else (group,) for name, group in self.classes.items()}
        return dict(sorted(groups.items(), key=lambda each: (each[0] != "background", min(each[1]))))


class Phantom(Strict):
    """Generated data: ``patients`` per data set, everything drawn from ``seed``."""

    kind: Literal["phantom"]
    patients: Annotated[int, Field(ge=5, le=1000)]  # every fifth patient validates, so fewer leave none
    seed: Annotated[int, Field(ge=0)]


class Archive(Strict):
    """The real archives, from the folder CEDICE_ARCHIVES or the network."""

    kind: Literal["archive"]


class Published(Strict):
    """One of `PUBLISHED`, under its own name."""

    kind: Literal["published"]


def _grids(given: Any) -> str:
    return "several" if isinstance(given, dict) and given and not given.keys() & Grid.model_fields.keys() else "one"


class Grid(Strict):
    """What slices are brought onto: ``size`` pixels per side; ``spacing`` in mm, or "native" for the slices' own, or None where
    they are resized (`cedice.data.grid`)."""

    size: Annotated[int, Field(ge=16, le=1024)]
    spacing: Annotated[float, Field(gt=0, le=100)] | Literal["native"] | None = None


# One for all data sets of a study, or one for each.
Grids = Annotated[Annotated[Grid, Tag("one")] | Annotated[dict[Name, Grid], Tag("several")], Discriminator(_grids)]
