"""A network's state for half precision, which ends at 65,504.

Batch norm takes the scale out of what comes before it, and nothing in training brings that scale back: under Adam, without
weight decay, the weights before it grow thirtyfold, and where two convolutions follow each other without a norm between, as
after each way up of the U-Net, the variance of what they give reaches 10⁵ from grey values of 0 to 1. So the scale can be
chosen: a channel's weights times 2⁻ᵏ, its mean times 2⁻ᵏ and its variance times 4⁻ᵏ give the same network, bit for bit, since
powers of two do not round.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import torch
from torch import nn

from cedice.errors import CediceError

# Of a channel's variance and squared mean: within 65,504 are then 500 standard deviations of the channel's values.
_LIMIT = 2.0**14


def state(network: nn.Module) -> dict[str, torch.Tensor]:
    """The network's state on the CPU, tensors of two or more axes in float16 and the rest in its own type, in numbers that all
    fit float16. CediceError, naming the tensor, where some do not, or are NaN, as after a training that diverged."""
    tensors = network.state_dict() | _scaled(network)
    held = {}
    for name, value in tensors.items():
        if value.is_floating_point() and not value.half().isfinite().all():
            raise CediceError(f"{name} of the network holds numbers beyond half precision; did its training diverge?")
        held[name] = (value.half() if value.is_floating_point() and value.ndim > 1 else value).contiguous().cpu()
    return held


@torch.no_grad()
def _scaled(network: nn.Module) -> dict[str, torch.Tensor]:
    """The tensors of all convolutions that a batch norm follows, and of these norms, by their names in the state."""
    scaled = {}
    for conv_name, norm_name in _pairs(network):
        conv: Any = network.get_submodule(conv_name)
        norm: Any = network.get_submodule(norm_name)
        excess = torch.maximum(norm.running_var, norm.running_mean.square()) / _LIMIT
        factor = torch.ldexp(torch.ones_like(excess), -(excess.log2() / 2).ceil().clamp(min=0))
        outputs = (1, -1, 1, 1) if isinstance(conv, nn.ConvTranspose2d) else (-1, 1, 1, 1)
        scaled[f"{conv_name}.weight"] = conv.weight * factor.view(outputs)
        if conv.bias is not None:
            scaled[f"{conv_name}.bias"] = conv.bias * factor
        scaled[f"{norm_name}.running_mean"] = norm.running_mean * factor
        variance = scaled[f"{norm_name}.running_var"] = norm.running_var * factor.square()
        # The norm's eps has no scale. Beside a variance of thousands it is nothing, and the weight stays as it is.
        kept = (variance + norm.eps) / ((norm.running_var + norm.eps) * factor.square())
        scaled[f"{norm_name}.weight"] = norm.weight * kept.sqrt()
    return scaled


def _pairs(network: nn.Module) -> Iterator[tuple[str, str]]:
    """The names of each convolution and the batch norm that directly follows it, as far as `nn.Sequential` says what follows
    what."""
    for name, module in network.named_modules():
        if isinstance(module, nn.Sequential):
            for (before, one), (after, other) in pairwise(_leaves(name, module)):
                if isinstance(one, nn.Conv2d | nn.ConvTranspose2d) and isinstance(other, nn.BatchNorm2d):
                    yield before, after


def _leaves(name: str, module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """What a chain of chains is made of, in its order."""
    if not isinstance(module, nn.Sequential):
        yield name, module
        return
    for child, part in module.named_children():
        yield from _leaves(f"{name}.{child}" if name else child, part)
