"""A study, with its network and how it is trained, as `params.yaml` says it: typed, validated objects."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, field_validator

from cedice.described import Archive, Grid, Grids, Name, Phantom, Strict

Channels = Annotated[int, Field(ge=1, le=512)]
Depth = Annotated[int, Field(ge=1, le=6)]  # how often the network halves a slice
Rate = Annotated[float, Field(gt=0, le=10)]
Factors = Annotated[list[Annotated[float, Field(gt=0, le=10)]], Field(min_length=2, max_length=2)]


class PerLoss(Strict):
    """A learning rate for each loss: one that suits the one may not suit the other."""

    ce: Rate
    ce_dl: Rate


class Augment(Strict):
    """What may happen to slices in training (`cedice.training.augmentation`): rotation by up to so many degrees, scale and
    gamma between two factors, each for a ``share`` of the slices; and the axes along which each data set may be mirrored, none
    unless named. ``mirror_at_test``: whether predictions are averaged over the mirror images along the same axes."""

    rotation: Annotated[float, Field(ge=0, le=180)]
    scale: Factors
    gamma: Factors
    share: Annotated[float, Field(gt=0, le=1)]
    mirror: dict[Name, list[Literal["vertical", "horizontal"]]]
    mirror_at_test: bool

    @field_validator("scale", "gamma")
    @classmethod
    def _rising(cls, factors: list[float]) -> list[float]:
        if factors[0] > factors[1]:
            raise ValueError("the first factor must not exceed the second")
        return factors


class Train(Strict):
    """How a network is trained; ``precision: auto`` is bfloat16 where the hardware computes in it.

    ``patients``: train on so many of the training patients (slices, where patients are unknown), all of them unless given; the
    seed draws them, for both losses alike, and those of a smaller number are among those of a larger one. ``steps``: batches an
    epoch, drawn from as many passes over the training slices as that takes; one pass unless given. ``dice``: whether the Dice
    term sums over a sample or a batch. ``deterministic`` matters on a GPU: equal bytes from run to run, for some speed."""

    learning_rate: Annotated[
        Annotated[Rate, Tag("rate")] | Annotated[PerLoss, Tag("rates")],
        Discriminator(lambda given: "rates" if isinstance(given, dict | PerLoss) else "rate"),
    ]
    schedule: Literal["constant", "poly"]  # `cedice.training.schedule`
    batch_size: Annotated[int, Field(ge=1, le=1024)]
    patients: Annotated[int, Field(ge=1)] | None = None
    steps: Annotated[int, Field(ge=1, le=100_000)] | None = None
    dice: Literal["sample", "batch"]
    augmentation: Annotated[
        Annotated[Literal["none"], Tag("none")] | Annotated[Augment, Tag("changes")],
        Discriminator(lambda given: "changes" if isinstance(given, dict | Augment) else "none"),
    ]
    precision: Literal["auto", "float32", "tf32", "bf16"]
    deterministic: bool

    def rate(self, loss: str) -> float:
        """The learning rate of one loss."""
        return self.learning_rate if isinstance(self.learning_rate, float) else getattr(self.learning_rate, loss)


class UNetTrain(Train):
    """The paper's network, which need not be named."""

    network: Literal["unet"] = "unet"
    base_channels: Channels
    depth: Depth
    norm: Literal["batch", "none"]
    padding: Literal["same", "valid"]


class AttentionUNetTrain(Train):
    """`cedice.networks`, from MONAI."""

    network: Literal["attention_unet"]
    base_channels: Channels
    depth: Depth


class SwinUNETRTrain(Train):
    """`cedice.networks`, from MONAI; its sizes are multiples of 12 channels."""

    network: Literal["swin_unetr"]
    feature_size: Literal[12, 24, 48]


def _network(train: Any) -> str:
    return train.get("network", "unet") if isinstance(train, dict) else getattr(train, "network", "unet")


AnyTrain = Annotated[
    Annotated[UNetTrain, Tag("unet")]
    | Annotated[AttentionUNetTrain, Tag("attention_unet")]
    | Annotated[SwinUNETRTrain, Tag("swin_unetr")],
    Discriminator(
        _network, custom_error_type="network", custom_error_message="network must be unet, attention_unet or swin_unetr"
    ),
]


Passes = Annotated[int, Field(ge=1, le=10_000)]  # over the training slices


Seed = Annotated[int, Field(ge=0, lt=2**31)]  # of initial weights and order of the slices
Seeds = Annotated[list[Seed], Field(min_length=1, max_length=100)]


class Study(Strict):
    """One pass through the pipeline: the hardware it needs ("gpu" refuses to start without one), its split ("patient", "folds":
    the training of seed k validates fold k modulo five, or "slice" to measure leakage), the epochs of each of its data sets,
    and its training, once for each of ``seeds``. Grid and seeds: of all its data sets, or of each."""

    hardware: Literal["any", "gpu"]
    source: Annotated[Phantom | Archive, Field(discriminator="kind")]
    split: Literal["patient", "folds", "slice"]
    grid: Grids
    epochs: dict[Name, Passes]
    seeds: Annotated[
        Annotated[Seeds, Tag("list")] | Annotated[dict[Name, Seeds], Tag("mapping")],
        Discriminator(lambda seeds: "mapping" if isinstance(seeds, dict) else "list"),
    ]
    train: AnyTrain

    @field_validator("seeds")
    @classmethod
    def _different(cls, seeds: list[int] | dict[str, list[int]]) -> list[int] | dict[str, list[int]]:
        for each in seeds.values() if isinstance(seeds, dict) else [seeds]:
            once(each)
        return seeds

    def grid_of(self, dataset: str) -> Grid:
        """The grid of one of its data sets."""
        return self.grid[dataset] if isinstance(self.grid, dict) else self.grid

    def seeds_of(self, dataset: str) -> list[int]:
        """The seeds of one of its data sets."""
        return self.seeds[dataset] if isinstance(self.seeds, dict) else self.seeds

    def groups(self) -> list[tuple[list[str], list[int]]]:
        """Data sets that have the same seeds, and these: what `run` can name at once, as every combination is run."""
        found: dict[tuple[int, ...], list[str]] = {}
        for dataset in self.epochs:
            found.setdefault(tuple(self.seeds_of(dataset)), []).append(dataset)
        return [(datasets, list(seeds)) for seeds, datasets in found.items()]


def once(values: list) -> list:
    """``values``, if none is there twice."""
    if len(set(values)) < len(values):
        raise ValueError("a value stands there twice")
    return values
