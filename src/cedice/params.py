"""`params.yaml` as typed, validated objects; a wrong or unknown key is one line that names it."""

from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model, field_validator, model_validator

from cedice.described import PUBLISHED, Files, Published, Strict
from cedice.errors import CediceError

DATASETS = ("acdc", "covid19")  # the paper's
ARMS = ("ce", "ce_dl")
STUDIES = ("demo", "small", "paper", "own")


class Phantom(Strict):
    """Generated data: ``patients`` per data set, everything drawn from ``seed``."""

    kind: Literal["phantom"]
    patients: Annotated[int, Field(ge=5, le=1000)]  # every fifth patient validates, so fewer leave none
    seed: Annotated[int, Field(ge=0)]


class Archive(Strict):
    """The real archives, from the folder CEDICE_ARCHIVES or the network."""

    kind: Literal["archive"]


class Described(Strict):
    """The data sets that `datasets` describes."""

    kind: Literal["described"]


Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$", max_length=60)]  # it goes into paths and names of stages
Passes = Annotated[int, Field(ge=1, le=10_000)]  # over the training slices


class Epochs(Strict):
    """Of the paper's data sets."""

    acdc: Passes
    covid19: Passes


class Train(Strict):
    """The network and how it is trained; ``precision: auto`` is bfloat16 where the hardware computes in it.

    ``deterministic`` matters on a GPU: equal bytes from run to run, for some speed."""

    base_channels: Annotated[int, Field(ge=1, le=512)]
    depth: Annotated[int, Field(ge=1, le=6)]
    norm: Literal["batch", "none"]
    padding: Literal["same", "valid"]
    learning_rate: Annotated[float, Field(gt=0, le=10)]
    batch_size: Annotated[int, Field(ge=1, le=1024)]
    precision: Literal["auto", "float32", "tf32", "bf16"]
    deterministic: bool


Seed = Annotated[int, Field(ge=0, lt=2**31)]  # of initial weights and order of the slices


class _Study(Strict):
    """One pass through the pipeline: the hardware it needs ("gpu" refuses to start without one), its split ("patient", or
    "slice" to measure leakage) and its training, once for each of ``seeds``."""

    hardware: Literal["any", "gpu"]
    split: Literal["patient", "slice"]
    seeds: Annotated[list[Seed], Field(min_length=1, max_length=100)]
    train: Train

    @field_validator("seeds")
    @classmethod
    def _different(cls, seeds: list[int]) -> list[int]:
        if len(set(seeds)) < len(seeds):
            raise ValueError("a seed stands there twice")
        return seeds


class PapersStudy(_Study):
    """Of the paper's two data sets."""

    source: Annotated[Phantom | Archive, Field(discriminator="kind")]
    epochs: Epochs

    @property
    def passes(self) -> dict[str, int]:
        """The data sets and their epochs."""
        return self.epochs.model_dump()


class OwnStudy(_Study):
    """Of those of the described data sets that ``datasets`` names, in this order."""

    source: Described
    datasets: list[Name]
    epochs: dict[Name, Passes]

    @property
    def passes(self) -> dict[str, int]:
        """The data sets and their epochs."""
        return {name: self.epochs[name] for name in self.datasets}


Study = PapersStudy | OwnStudy


class Arm(Strict):
    """α of equation 8."""

    alpha: Annotated[float, Field(ge=0, le=1e6)]


class Loss(Strict):
    """The two arms; ``ce`` is plain cross-entropy by definition."""

    ce: Arm
    ce_dl: Arm

    @model_validator(mode="after")
    def _plain(self) -> "Loss":
        if self.ce.alpha != 0:
            raise ValueError("ce.alpha must stay 0 (plain cross-entropy); set loss.ce_dl.alpha instead")
        return self


class Params(Strict):
    """The whole file."""

    studies: Annotated[list[Literal["demo", "small", "paper", "own"]], Field(min_length=1)]
    loss: Loss
    demo: PapersStudy
    small: PapersStudy
    paper: PapersStudy
    datasets: dict[Name, Annotated[Files | Published, Field(discriminator="kind")]]
    own: OwnStudy

    @model_validator(mode="after")
    def _own_data(self) -> "Params":
        for name, given in self.datasets.items():
            if name in DATASETS:
                raise ValueError(f"datasets.{name} has the name of one of the paper's data sets; choose another")
            if isinstance(given, Published) and name not in PUBLISHED:
                raise ValueError(f"datasets.{name} is not one of the published ones that are known: {', '.join(PUBLISHED)}")
        for name in self.own.datasets:
            if name not in self.datasets:
                raise ValueError(f"own.datasets names {name}, which datasets does not describe")
            if name not in self.own.epochs:
                raise ValueError(f"own.epochs.{name} is missing: for how many epochs is it to be trained?")
        if len(set(self.own.datasets)) < len(self.own.datasets):
            raise ValueError("own.datasets names one twice")
        if "own" in self.studies and not self.own.datasets:
            raise ValueError("studies has own, but own.datasets names no data set")
        return self


_TAGS = ("phantom", "archive", "files", "published")  # of unions, which pydantic puts into a location


def load(path: Path = Path("params.yaml")) -> Params:
    """Read and validate ``path``; raises CediceError naming the file and the first wrong key."""
    return _validated(path, Params)


def load_study(path: Path, study: str) -> dict[str, Any]:
    """The losses and one study of the file, which may be of an earlier time and lack whatever else there is today; errors as
    `load`'s."""
    fields: dict[str, Any] = {"loss": (Loss, ...), study: (OwnStudy if study == "own" else PapersStudy, ...)}
    return _validated(path, create_model("Part", __config__=ConfigDict(extra="ignore"), **fields)).model_dump()


_Model = TypeVar("_Model", bound=BaseModel)


def _validated(path: Path, model: type[_Model]) -> _Model:
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CediceError(f"{path}: {error.strerror}; run from the project's root") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CediceError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        # A key of the file is what the user can act on.
        key = ".".join(str(part) for part in problem["loc"] if part not in _TAGS) or "the whole file"
        found = "" if problem["type"] == "missing" else f", found {problem['input']!r:.60}"
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        raise CediceError(f"{path}: {key}: {problem['msg']}{found}{more}") from error


def check_name(kind: str, name: str, known: tuple[str, ...]) -> str:
    """``name`` if it is one of ``known``; otherwise a CediceError that lists them."""
    if name not in known:
        raise CediceError(f"unknown {kind} {name!r}: use one of {', '.join(known) or 'those that you add to params.yaml'}")
    return name
