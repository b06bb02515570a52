"""Convolutions as in PyTorch, whose backward pass is faster on a CPU that has AVX2 and no more.

oneDNN's AVX2 kernel for the gradient of the weights takes 8 channels at a time. Channels last, these are no block of memory
unless there are 8 in all, and the kernel takes up to 1.8 times as long. So the same memory is given to it as an image that
is as many times wider as it has fewer channels, and that the kernel, wider likewise, crosses with a larger stride. And the
gradient of the bias is a sum of its own: with it, the kernel for transposed convolutions takes four times as long.
"""

import math

import torch
from torch import nn
from torch.autograd.function import once_differentiable

_BLOCK = 8  # channels that the kernel takes at a time: 256 bits of float32
_WIDEST = 4  # times; a stride of 8 is left to a slow kernel


class Conv2d(nn.Conv2d):
    """`nn.Conv2d` of one group and no dilation, zero-padded: (B, in, H, W) float → (B, out, H', W')."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        if not _faster(self, features):
            return super().forward(features)
        same = tuple(size // 2 for size in self.kernel_size)
        padding = {"valid": (0, 0), "same": same}[self.padding] if isinstance(self.padding, str) else self.padding
        return _Convolution.apply(features, self.weight, self.bias, self.stride, padding, False)


class ConvTranspose2d(nn.ConvTranspose2d):
    """`nn.ConvTranspose2d` of one group and no dilation or output padding: (B, in, H, W) float → (B, out, H', W')."""

    def forward(self, features: torch.Tensor, output_size: list[int] | None = None) -> torch.Tensor:
        if not _faster(self, features):
            return super().forward(features, output_size)
        return _Convolution.apply(features, self.weight, self.bias, self.stride, self.padding, True)


def _faster(layer: nn.Module, features: torch.Tensor) -> bool:
    return (
        layer.training
        and features.device.type == "cpu"
        and features.dtype == torch.float32
        and not torch.is_autocast_enabled("cpu")
        and torch.backends.cpu.get_cpu_capability() == "AVX2"
        and features.shape[1] % _BLOCK == 0
        and features.is_contiguous(memory_format=torch.channels_last)
    )


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx, features, weight, bias, stride, padding, transposed):
        ctx.save_for_backward(features, weight)
        ctx.settings = stride, padding, transposed
        return torch.convolution(features, weight, bias, stride, padding, (1, 1), transposed, (0, 0), 1)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        features, weight = ctx.saved_tensors
        stride, padding, transposed = ctx.settings
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        to_features = to_bias = None
        if ctx.needs_input_grad[0]:
            fixed = None, stride, padding, (1, 1), transposed, (0, 0), 1, (True, False, False)
            to_features = torch.ops.aten.convolution_backward(gradient, features, weight, *fixed)[0]
        # A transposed convolution's input is the gradient of a convolution that leads from its output.
        pair = (features, gradient) if transposed else (gradient, features)
        to_weight = _to_weight(*pair, weight, stride, padding)
        if ctx.needs_input_grad[2]:
            to_bias = gradient.sum(dim=(0, 2, 3))
        return to_features, to_weight, to_bias, None, None, None


def _to_weight(gradient, features, weight, stride, padding):
    """The gradient of a convolution's ``weight``, both maps channels last."""
    outputs, inputs, height, width = weight.shape
    times = math.gcd(_WIDEST, inputs // _BLOCK) if inputs % _BLOCK == 0 else 1
    batch, _, rows, columns = features.shape
    narrow = inputs // times
    wide = features.permute(0, 2, 3, 1).reshape(batch, rows, columns * times, narrow).permute(0, 3, 1, 2)
    kernel = weight.new_empty(outputs, narrow, height, width * times).contiguous(memory_format=torch.channels_last)
    fixed = None, (stride[0], stride[1] * times), (padding[0], padding[1] * times), (1, 1), False, (0, 0), 1
    found = torch.ops.aten.convolution_backward(gradient, wide, kernel, *fixed, (False, True, False))[1]
    # Column times · k + j and channel i of the wide kernel are column k and channel narrow · j + i.
    return found.view(outputs, narrow, height, width, times).permute(0, 4, 1, 2, 3).reshape(weight.shape)
