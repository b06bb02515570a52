"""Batch norm as in PyTorch, with two things that PyTorch's own lacks on a CPU: speed with few channels, and synchronisation.

The first: threads of PyTorch's channels-last backward pass keep their sums side by side; with fewer channels than fit
a cache line they take it from each other with every pixel; and no pass fills a vector. There a few pixels side by side are
taken for one of more channels. On an AMD EPYC with AVX2 a step without it took 0.97 to 1.03 times as long with 8 channels on
slices of 256×256, and 1.06 to 1.17 times with the demo's 4 on 128×128; with bfloat16 units it was not measured, so it stays.
The second: over several processes, mean and variance are those of the whole batch (`nn.SyncBatchNorm` does the same on GPUs
only).
"""

import math

import torch
from torch import distributed, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

_CACHE_LINE_CHANNELS = 16  # 64 bytes of float32
_WIDTH = 256  # the most channels that a few pixels side by side stand for; a power of two


class BatchNorm2d(nn.BatchNorm2d):
    """`nn.BatchNorm2d`, (B, C, H, W) float → the same shape, dtype and memory format; over all processes in training.

    Raises ValueError in training for one value a channel, whose variance is none.
    """

    running_mean: torch.Tensor
    running_var: torch.Tensor
    num_batches_tracked: torch.Tensor
    momentum: float

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1):
        super().__init__(num_features, eps, momentum)  # always with weight, bias and running statistics

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        if not self.training or features.is_cuda:
            return super().forward(features)
        if distributed.is_initialized():
            return self._synchronised(features)
        if self.num_features < _CACHE_LINE_CHANNELS and features.is_contiguous(memory_format=torch.channels_last):
            _check_several(features.numel() // self.num_features)
            out, mean, variance = _Wide.apply(features, self.weight, self.bias, self.eps)
            self._track(mean, variance, features.numel() // self.num_features)
            return out
        return super().forward(features)

    def _synchronised(self, features: torch.Tensor) -> torch.Tensor:
        x = features.float()
        count = torch.tensor(float(x.numel() // self.num_features))
        distributed.all_reduce(count)
        _check_several(int(count))
        mean = _Total.apply(x.sum(dim=(0, 2, 3))) / count
        centred = x - mean.view(1, -1, 1, 1)
        variance = _Total.apply(centred.square().sum(dim=(0, 2, 3))) / count
        self._track(mean, variance, count)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return (centred * scale.view(1, -1, 1, 1) + self.bias.view(1, -1, 1, 1)).to(features.dtype)

    @torch.no_grad()
    def _track(self, mean: torch.Tensor, variance: torch.Tensor, count: torch.Tensor | int) -> None:
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * count / (count - 1), self.momentum)


def _check_several(values: int) -> None:
    if values == 1:
        raise ValueError("Expected more than 1 value per channel when training")  # in PyTorch's own words


class _Total(torch.autograd.Function):
    """The sum over all processes; each one's loss depends on every summand, so gradients are summed likewise."""

    @staticmethod
    def forward(ctx, summand):
        total = summand.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        return _Total.forward(ctx, gradient)  # the same sum


class _Wide(torch.autograd.Function):
    """(B, C, H, W) float, channels last → normalised, and the batch's mean and (biased) variance.

    PyTorch's own kernels of evaluation mode, over several pixels side by side: what lies C values on in memory is the same
    channel, with a mean, a variance, a weight and a bias of its own.
    """

    @staticmethod
    def forward(ctx, features, weight, bias, eps):
        rows, times = _rows(features)
        unused = weight.new_zeros(rows.shape[1])  # its dtype is that of the statistics
        statistics = torch.batch_norm_update_stats(rows, unused, unused, 0.0)
        means, variances = (values.view(times, -1) for values in statistics)
        mean = means.mean(dim=0)
        variance = variances.mean(dim=0) + (means - mean).square().mean(dim=0)
        ctx.save_for_backward(features, weight, mean, variance)
        ctx.eps = eps
        ctx.mark_non_differentiable(mean, variance)
        out = _evaluated(rows, times, mean, variance, weight, bias, eps).as_strided(features.shape, features.stride())
        return features.new_empty(0).set_(out), mean, variance  # no view, so that ReLU may work in place

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient, *without):  # mean and variance have no gradient
        features, weight, mean, variance = ctx.saved_tensors
        rows, times = _rows(features)
        upstream, _ = _rows(gradient.contiguous(memory_format=torch.channels_last))
        scale, count = weight * torch.rsqrt(variance + ctx.eps), features.numel() // len(weight)
        wide = (values.repeat(times) for values in (weight, mean, variance))
        out, *sums = torch.ops.aten.native_batch_norm_backward(
            upstream, rows, *wide, None, None, False, ctx.eps, [True, True, True]
        )
        # What evaluation mode lacks, as mean and variance depend on every pixel: dx = scale · (dy − Σdy / n − x̂ Σ(dy x̂) / n).
        to_weight, to_bias = (total.view(times, -1).sum(dim=0) for total in sums)
        out += _evaluated(rows, times, mean, variance, -scale * to_weight / count, -scale * to_bias / count, ctx.eps)
        return out.as_strided(features.shape, features.stride()), to_weight, to_bias, None


def _evaluated(rows, times, mean, variance, weight, bias, eps):
    """weight · (x − mean) / √(variance + eps) + bias, in one pass."""
    mean, variance, weight, bias = (values.repeat(times) for values in (mean, variance, weight, bias))
    return functional.batch_norm(rows, mean, variance, weight, bias, eps=eps)


def _rows(features: torch.Tensor) -> tuple[torch.Tensor, int]:
    """A channels-last map as one of more channels, (1, n · C, pixels / n, 1), without a copy; and n."""
    channels = features.shape[1]
    pixels = features.numel() // channels
    times = math.gcd(pixels, _WIDTH)
    while times * channels > _WIDTH:
        times //= 2
    return features.permute(0, 2, 3, 1).reshape(1, pixels // times, 1, times * channels).permute(0, 3, 1, 2), times
