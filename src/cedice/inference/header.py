"""What a model file (layout: `cedice.inference.model_file`) says of itself, read without PyTorch, which takes seconds."""

import json
import re
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from cedice.errors import CediceError

_DAMAGES = (SafetensorError, OSError, KeyError, TypeError, ValueError)


def read(file: Path) -> dict[str, Any]:
    """The header's JSON; CediceError for a file that is damaged or no model file, as far as it shows without the tensors."""
    try:
        with safe_open(file, framework="np") as stored:
            found = dict(json.loads(stored.metadata()["cedice"]))
        weights = "sha256" not in found and "network" in found
    except _DAMAGES as error:
        raise unreadable(file, error) from error
    if weights:
        raise CediceError(f"{file}: the weights of a training, which lack what a prediction needs; {_advice(file)}")
    return found


def own_threshold(file: Path) -> float:
    """The network's own threshold; CediceError, too, for a file that does not state one."""
    try:
        own = read(file).get("own_threshold")
        threshold = None if own is None else float(own["threshold"])
    except _DAMAGES as error:
        raise unreadable(file, error) from error
    if threshold is None:
        raise CediceError(
            f"{file}: states no threshold of its own; give a number, as --threshold 0.3, or make it anew with `cedice release`"
        )
    return threshold


def unreadable(file: Path, error: Exception) -> CediceError:
    """What to raise for a model file that is not as it should be."""
    return CediceError(f"{file}: not a readable model file ({error}); get it again, or make it with `cedice release`")


def _advice(file: Path) -> str:
    """The command that makes a model file of a training's weights, as far as their path tells (`cedice.paths.weights`)."""
    match = re.fullmatch(r"(?:.*/)?models/([^/]+)/([^/]+)/([^/]+)-seed(\d+)\.safetensors", file.as_posix())
    names = " ".join(match.groups()) if match else "STUDY DATASET LOSS SEED"
    return f"make a model file of them: cedice release {names} -o my-model.safetensors"
