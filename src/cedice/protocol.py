"""The network and how it is trained, as `train` of a study in `params.yaml` says it: typed, validated objects."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, field_validator

from cedice.described import Name, Strict

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

    ``dice``: whether the Dice term sums over a sample or a batch. ``deterministic`` matters on a GPU: equal bytes from run to
    run, for some speed."""

    learning_rate: Annotated[
        Annotated[Rate, Tag("rate")] | Annotated[PerLoss, Tag("rates")],
        Discriminator(lambda given: "rates" if isinstance(given, dict | PerLoss) else "rate"),
    ]
    schedule: Literal["constant", "poly"]  # `cedice.training.schedule`
    batch_size: Annotated[int, Field(ge=1, le=1024)]
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
