"""Weights in and out: safetensors, no pickle, with the settings that made them in the file's header.

The tensors are those of both networks of a training (`cedice.paths.READOUTS`), `last.<name>` and `averaged.<name>`.
The header's one entry, "cedice", is JSON: the fields of `Settings` and the hashes of the slices. One entry, because the
library keeps several in no fixed order, and the same training must give the same bytes.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from cedice.errors import CediceError
from cedice.files import replacing
from cedice.networks import build
from cedice.training.settings import Settings


def save(file: Path, networks: Mapping[str, nn.Module], settings: Settings, inputs: dict[str, str]) -> None:
    """Write the networks, by their readout, and what made them to ``file``; CediceError where the disk refuses."""
    states = {f"{readout}.{name}": tensor for readout in networks for name, tensor in networks[readout].state_dict().items()}
    state = {name: tensor.contiguous().cpu() for name, tensor in states.items()}
    header = {"cedice": json.dumps(settings.described() | inputs, sort_keys=True)}
    try:
        with replacing(file) as new:
            save_file(state, new, metadata=header)
    except SafetensorError as error:
        raise CediceError(f"{file}: cannot write the weights ({error}); make room, then give the same command again") from error


def rebuild(arguments: dict[str, Any], state: dict[str, torch.Tensor]) -> nn.Module:
    """``build(arguments)`` with this state; RuntimeError, TypeError or ValueError where they do not fit."""
    if arguments.get("network") != "swin_unetr":  # it has few sizes, and computes while it is built
        with torch.device("meta"):  # first without memory: a damaged header may ask for any amount of it
            build(arguments).load_state_dict(state, assign=True)
    model = build(arguments)
    model.load_state_dict(state)
    return model


def load(file: Path, device: torch.device, readout: str) -> tuple[nn.Module, dict[str, Any]]:
    """The network of this ``readout`` on ``device`` in evaluation mode, and the header; CediceError for a missing or damaged
    file."""
    try:
        with safe_open(file, framework="pt") as stored:
            header = json.loads(stored.metadata()["cedice"])
            names = [name for name in stored.keys() if name.startswith(f"{readout}.")]  # noqa: SIM118  (not a dict)
            state = {name.removeprefix(f"{readout}."): stored.get_tensor(name) for name in names}
        model = rebuild(header["network"], state)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CediceError(f"{file}: not readable weights of this project ({error}); run the train stage again") from error
    model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # not typed
    return model.eval(), header


def tensors_sha256(tensors: dict[str, torch.Tensor], text: str) -> str:
    """One SHA-256 of CPU tensors, their names, types and shapes, and of a text beside them: safetensors have no checksum."""
    digest = hashlib.sha256(text.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(np.ascontiguousarray(tensor.numpy()).data)
    return digest.hexdigest()
