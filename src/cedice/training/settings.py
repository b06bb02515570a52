"""What decides the result of a training besides the slices."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Settings:
    """What decides the result besides the slices. ``classes`` includes the background; 2 classes is the binary case.
    ``precision`` of the convolutions: "float32", "tf32" (GPUs) or "bf16"; ``schedule`` as of
    `cedice.training.schedule`."""

    classes: int
    alpha: float
    epochs: int
    base_channels: int
    depth: int
    norm: str
    padding: str
    learning_rate: float
    schedule: str
    batch_size: int
    precision: str
    deterministic: bool
    seed: int

    def described(self) -> dict[str, Any]:
        """For headers and keys: every field, and the network's arguments."""
        return asdict(self) | {"network": self.network()}

    def network(self) -> dict[str, Any]:
        """The arguments of `UNet`."""
        return {
            "in_channels": 1,
            "out_channels": 1 if self.classes == 2 else self.classes,
            "base_channels": self.base_channels,
            "depth": self.depth,
            "norm": self.norm,
            "padding": self.padding,
        }
