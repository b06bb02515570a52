"""Networks to be handed on: one file that holds all that a prediction needs, and the card that says what it is.

Layout of a model file: safetensors, the network's state with all tensors of two or more axes in float16 and the rest in
float32, but within float16's range (`cedice.inference.half`); the header's one entry, "cedice", is JSON with
  network    the arguments of `cedice.networks.build`
  classes    the names of the labels 0, 1, …
  intensity  the fields of `Intensity`
  size       pixels per side of the slices that the network was trained on
  spacing    of their pixels in mm, "native", or null where slices are resized (`cedice.data.grid`)
  axes       where these slices' x, y and z pointed to, z being the direction that slices follow
             (`cedice.inference.orientation`); "" if that is unknown, or differed
  axes_assumed  true where axes rests on no header: the training data had none, or had lost theirs
  channel    of colour images: grey, red, green or blue; null where the training data were grey
  mirror     the axes along which probabilities are averaged over mirror images (`cedice.training.forward.scores`)
  own_threshold  `cedice.evaluation.thresholds.Own` on the validation slices of the training; null where it is not known
  made_from  study, data set, loss, alpha, seed, epochs, and hashes of the weights and slices behind it
  sha256     of the tensors and of the rest of this header
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from cedice.data.grid import Grid, Spacing
from cedice.data.intensity import Intensity
from cedice.described import Channel
from cedice.evaluation.thresholds import Own
from cedice.files import replacing
from cedice.inference import half
from cedice.inference import header as headers
from cedice.training.weights import rebuild, tensors_sha256


@dataclass(frozen=True)
class Model:
    """A network in evaluation mode, and what its slices were."""

    network: nn.Module
    classes: tuple[str, ...]
    intensity: Intensity
    size: int
    made_from: dict[str, Any]
    axes: str = ""
    axes_assumed: bool = False
    channel: Channel | None = None
    spacing: Spacing = None
    mirror: tuple[str, ...] = ()
    own: Own | None = None

    @property
    def grid(self) -> Grid:
        """What slices are brought onto."""
        return Grid(self.size, self.spacing)


def save(file: Path, model: Model, arguments: dict[str, Any]) -> None:
    """Write the layout above; ``arguments`` of `cedice.networks.build`. The same model gives the same bytes. CediceError for
    a network whose numbers are beyond half precision."""
    state = half.state(model.network)
    header = {
        "network": arguments,
        "classes": model.classes,
        "intensity": asdict(model.intensity),
        "size": model.size,
        "spacing": model.spacing,
        "made_from": model.made_from,
        "axes": model.axes,
        "axes_assumed": model.axes_assumed,
        "channel": model.channel,
        "mirror": model.mirror,
        "own_threshold": asdict(model.own) if model.own else None,
    }
    header["sha256"] = tensors_sha256(state, json.dumps(header, sort_keys=True))
    with replacing(file) as new:
        save_file(state, new, metadata={"cedice": json.dumps(header, sort_keys=True)})


def load(file: Path, device: torch.device) -> Model:
    """Read the layout above; CediceError for a file that is damaged or no model file."""
    header = headers.read(file)
    try:
        state = load_file(file)
        if header.pop("sha256") != tensors_sha256(state, json.dumps(header, sort_keys=True)):
            raise ValueError("its bytes are not those that were written")
        network = rebuild(header["network"], state)
        classes, size = tuple(header["classes"]), header["size"]
        # Files of version 0.1.0 lack all that follows but the intensity rule; some later ones lack the own threshold.
        axes, assumed, channel = header.get("axes", ""), header.get("axes_assumed", False), header.get("channel")
        mirror = tuple(header.get("mirror", ()))
        intensity = Intensity(**header["intensity"])
        spacing = header.get("spacing")
        own = Own(**header["own_threshold"]) if header.get("own_threshold") else None
        model = Model(network, classes, intensity, size, header["made_from"], axes, assumed, channel, spacing, mirror, own)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise headers.unreadable(file, error) from error
    network.to(device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]  # not typed
    return model
