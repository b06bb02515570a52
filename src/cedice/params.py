"""`params.yaml` as typed, validated objects; a wrong or unknown key is one line that names it."""

from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from cedice.errors import CediceError

DATASETS = ("acdc", "covid19")
ARMS = ("ce", "ce_dl")
STUDIES = ("demo", "small", "paper")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Phantom(_Strict):
    """Generated data: ``patients`` per data set, everything drawn from ``seed``."""

    kind: Literal["phantom"]
    patients: Annotated[int, Field(ge=5, le=1000)]  # every fifth patient validates, so fewer leave none
    seed: Annotated[int, Field(ge=0)]


class Archive(_Strict):
    """The real archives, from the folder CEDICE_ARCHIVES or the network."""

    kind: Literal["archive"]


class Epochs(_Strict):
    """Passes over the training slices, per data set."""

    acdc: Annotated[int, Field(ge=1, le=10_000)]
    covid19: Annotated[int, Field(ge=1, le=10_000)]


class Train(_Strict):
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


class Study(_Strict):
    """One pass through the pipeline: the hardware it needs ("gpu" refuses to start without one), its data, its split
    ("patient", or "slice" to measure leakage) and its training, once for each of ``seeds``."""

    hardware: Literal["any", "gpu"]
    source: Annotated[Phantom | Archive, Field(discriminator="kind")]
    split: Literal["patient", "slice"]
    epochs: Epochs
    seeds: Annotated[list[Seed], Field(min_length=1, max_length=100)]
    train: Train

    @field_validator("seeds")
    @classmethod
    def _different(cls, seeds: list[int]) -> list[int]:
        if len(set(seeds)) < len(seeds):
            raise ValueError("a seed stands there twice")
        return seeds


class Arm(_Strict):
    """α of equation 8."""

    alpha: Annotated[float, Field(ge=0, le=1e6)]


class Loss(_Strict):
    """The two arms; ``ce`` is plain cross-entropy by definition."""

    ce: Arm
    ce_dl: Arm

    @model_validator(mode="after")
    def _plain(self) -> "Loss":
        if self.ce.alpha != 0:
            raise ValueError("ce.alpha must stay 0 (plain cross-entropy); set loss.ce_dl.alpha instead")
        return self


class Params(_Strict):
    """The whole file."""

    loss: Loss
    demo: Study
    small: Study
    paper: Study


def load(path: Path = Path("params.yaml")) -> Params:
    """Read and validate ``path``; raises CediceError naming the file and the first wrong key."""
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CediceError(f"{path}: {error.strerror}; run from the project's root") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CediceError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error
    try:
        return Params.model_validate(raw)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        # A discriminated union puts its tag into the location; a key of the file is what the user can act on.
        key = ".".join(str(part) for part in problem["loc"] if part not in ("phantom", "archive")) or "the whole file"
        found = "" if problem["type"] == "missing" else f", found {problem['input']!r:.60}"
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        raise CediceError(f"{path}: {key}: {problem['msg']}{found}{more}") from error


def check_name(kind: str, name: str, known: tuple[str, ...]) -> str:
    """``name`` if it is one of ``known``; otherwise a CediceError that lists them."""
    if name not in known:
        raise CediceError(f"unknown {kind} {name!r}: use one of {', '.join(known)}")
    return name
