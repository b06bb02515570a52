"""`params.yaml` as typed, validated objects; a wrong or unknown key is one line that names it."""

from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, ValidationError, create_model, field_validator, model_validator

from cedice import refusals, yaml12
from cedice.described import PUBLISHED, Files, Name, Phantom, Published, Strict
from cedice.errors import CediceError, meant
from cedice.protocol import Seed, Study, once

DATASETS = ("acdc", "covid19")  # the paper's
LOSSES = ("ce", "ce_dl")
NAMINGS = ("labels", "rule")  # of a mixture's components: by the labels of training slices, by brightness
StudyName = Literal["demo", "small", "paper", "recipe", "outlook", "attention", "transformer", "own"]
STUDIES: tuple[str, ...] = get_args(StudyName)


class LossTerm(Strict):
    """α of equation 8."""

    alpha: Annotated[float, Field(ge=0, le=1e6)]


class Loss(Strict):
    """The two losses; ``ce`` is plain cross-entropy by definition."""

    ce: LossTerm
    ce_dl: LossTerm

    @model_validator(mode="after")
    def _plain(self) -> "Loss":
        if self.ce.alpha != 0:
            raise ValueError("ce.alpha must stay 0 (plain cross-entropy); set loss.ce_dl.alpha instead")
        return self


class Run(Strict):
    """What `dvc repro` downloads, trains and evaluates: every combination."""

    studies: list[StudyName]
    datasets: list[Name]
    losses: list[Literal["ce", "ce_dl"]]
    seeds: list[Seed]
    mixtures: list[Literal["labels", "rule"]]

    @field_validator("studies", "datasets", "losses", "seeds", "mixtures")
    @classmethod
    def _different(cls, values: list) -> list:
        return once(values)


Margin = Annotated[float, Field(gt=0, lt=1)]


class Margins(Strict):
    """By measure of the verdict, the largest difference that does not matter."""

    dice: Margin
    iou: Margin
    pixel_error: Margin
    border: Margin
    small_targets: Margin


class Candidate(Strict):
    """A mixture of ``components`` Gaussians over these features (`cedice.mixture.features`)."""

    features: Annotated[list[Literal["intensity", "smoothed", "position"]], Field(min_length=1)]
    components: Annotated[int, Field(ge=2, le=64)]

    @field_validator("features")
    @classmethod
    def _different(cls, values: list) -> list:
        return once(values)


class Mixture(Strict):
    """Segmentation without labels, in these ``studies``: the ``pixels`` of the training slices that a mixture is fitted to; the
    ``candidates``, of which the training labels choose; and by data set the rule, which looks at no label: the labels of as
    many components of intensity alone, from the darkest to the brightest."""

    studies: list[StudyName]
    pixels: Annotated[int, Field(ge=100, le=10**7)]
    candidates: Annotated[list[Candidate], Field(min_length=1)]
    rules: dict[Name, Annotated[list[Annotated[int, Field(ge=0, le=63)]], Field(min_length=2, max_length=64)]]


_EACH: dict[str, Any] = dict.fromkeys(STUDIES, (Study, ...))
_Studies: Any = create_model("_Studies", __base__=Strict, **_EACH)


class Params(_Studies):
    """The whole file, in which each study is a key of its own."""

    run: Run
    reports: list[StudyName]
    margins: Margins
    loss: Loss
    mixture: Mixture
    datasets: dict[Name, Annotated[Files | Published, Field(discriminator="kind")]]

    @field_validator("reports")
    @classmethod
    def _different(cls, values: list) -> list:
        return once(values)

    def study(self, name: str) -> Study:
        """The study of this name."""
        return getattr(self, name)

    @model_validator(mode="after")
    def _seeds(self) -> "Params":
        for name in STUDIES:
            seeds, epochs = self.study(name).seeds, self.study(name).epochs
            if isinstance(seeds, dict) and (other := seeds.keys() ^ epochs.keys()):
                lacking, naming = ("seeds", "epochs") if min(other) in epochs else ("epochs", "seeds")
                raise ValueError(f"{name}.{lacking}.{min(other)} is missing, and {name}.{naming} names {min(other)}")
            grid = self.study(name).grid
            if isinstance(grid, dict) and (without := epochs.keys() - grid.keys()):
                raise ValueError(f"{name}.grid.{min(without)} is missing, and {name}.epochs.{min(without)} is not")
        return self

    @model_validator(mode="after")
    def _consistent(self) -> "Params":
        for name, given in self.datasets.items():
            if isinstance(given, Published) and name not in PUBLISHED:
                raise ValueError(f"datasets.{name} is not one of the published ones that are known: {', '.join(PUBLISHED)}")
            if isinstance(given, Files) and name in PUBLISHED:
                raise ValueError(f"datasets.{name} has the name of a published data set; choose another")
        for name in STUDIES:
            others = self.study(name).epochs.keys() - set(DATASETS)
            if isinstance(self.study(name).source, Phantom) and others:
                raise ValueError(f"{name}.epochs.{min(others)}: there are phantoms of {' and '.join(DATASETS)} alone")
            if unknown := self.study(name).epochs.keys() - self.datasets.keys():
                raise ValueError(f"{name}.epochs.{min(unknown)}: datasets does not describe {min(unknown)}")
        for name in self.run.studies:
            study = self.study(name)
            if unknown := set(self.run.datasets) - study.epochs.keys():
                raise ValueError(f"run.datasets names {min(unknown)}, but there is no {name}.epochs.{min(unknown)}")
            for dataset in self.run.datasets:
                if more := set(self.run.seeds) - set(study.seeds_of(dataset)):
                    of = f" for {dataset}; `make {name}` gives every data set its own" if isinstance(study.seeds, dict) else ""
                    raise ValueError(f"run.seeds names {min(more)}, which is none of {name}.seeds{of}")
        for name in self.reports:
            if not self.study(name).epochs:
                raise ValueError(f"reports names {name}, which has no data set; give {name}.epochs one")
        return self

    @model_validator(mode="after")
    def _mirrored(self) -> "Params":
        for name in STUDIES:
            augmentation, known = self.study(name).train.augmentation, self.study(name).epochs.keys()
            if augmentation != "none" and (unknown := augmentation.mirror.keys() - known):
                raise ValueError(f"{name}.train.augmentation.mirror.{min(unknown)}: {name}.epochs does not name {min(unknown)}")
        return self

    @model_validator(mode="after")
    def _a_rule_each(self) -> "Params":
        for name in self.mixture.studies:
            if lacking := self.study(name).epochs.keys() - self.mixture.rules.keys():
                raise ValueError(f"mixture.rules.{min(lacking)} is missing, and {name} is one of mixture.studies")
        return self


def load(path: Path = Path("params.yaml")) -> Params:
    """Read and validate ``path``; raises CediceError naming the file and the first wrong key."""
    try:
        return parse(path.read_text(encoding="utf-8"), path)
    except OSError as error:
        raise CediceError(f"{path}: {error.strerror}; run from the project's root") from error
    except UnicodeDecodeError as error:
        raise CediceError(f"{path}: not UTF-8; save it as UTF-8") from error


def parse(text: str, path: Path) -> Params:
    """What the ``text`` of the file ``path`` says; CediceError as `load`."""
    raw = yaml12.load(text, path)
    try:
        return Params.model_validate(raw)
    except ValidationError as error:
        raise CediceError(f"{path}: {refusals.told(error, raw, _known_keys())}") from error


def _known_keys() -> set[str]:
    models, known = [*Strict.__subclasses__()], set[str]()
    for model in models:
        models += model.__subclasses__()
        known |= model.model_fields.keys()
    return known


def check_name(kind: str, name: str, known: tuple[str, ...]) -> str:
    """``name`` if it is one of ``known``; otherwise a CediceError that lists them."""
    if name not in known:
        choice = ", ".join(known) or "those that you add to params.yaml"
        raise CediceError(f"unknown {kind} {name!r}{meant(name, known)}: use one of {choice}")
    return name
