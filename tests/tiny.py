"""The settings of a training that takes a moment."""

from typing import Any

from cedice.training.settings import Settings


def settings(**changes: Any) -> Settings:
    """A U-Net of two channels and one level, one epoch; ``changes`` are other values of `Settings`."""
    given = {
        "classes": 2,
        "alpha": 1.0,
        "epochs": 1,
        "base_channels": 2,
        "depth": 1,
        "norm": "batch",
        "padding": "same",
        "learning_rate": 0.01,
        "schedule": "constant",
        "batch_size": 4,
        "precision": "float32",
        "deterministic": False,
        "seed": 0,
    }
    return Settings(**given | changes)
