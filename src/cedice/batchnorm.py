"""Batch norm as in PyTorch, with two things that PyTorch's own lacks on a CPU: speed with few channels, and synchronisation.

The first: threads of PyTorch's channels-last backward pass keep their sums side by side; with fewer channels than fit
a cache line they take it from each other with every pixel, 20 times slower at 8 channels and 2 threads. There the
planar (NCHW) kernel computes the same. The second: over several processes, mean and variance are those of the whole batch
(`nn.SyncBatchNorm` does the same on GPUs only).
"""

import torch
from torch import distributed, nn
from torch.autograd.function import once_differentiable

_CACHE_LINE_CHANNELS = 16  # 64 bytes of float32


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
            self.num_batches_tracked += 1
            running = self.running_mean, self.running_var, self.momentum, self.eps
            return _Planar.apply(features, self.weight, self.bias, *running)
        return super().forward(features)

    def _synchronised(self, features: torch.Tensor) -> torch.Tensor:
        x = features.float()
        count = torch.tensor(float(x.numel() // self.num_features))
        distributed.all_reduce(count)
        _check_several(int(count))
        mean = _Total.apply(x.sum(dim=(0, 2, 3))) / count
        centred = x - mean.view(1, -1, 1, 1)
        variance = _Total.apply(centred.square().sum(dim=(0, 2, 3))) / count
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return (centred * scale.view(1, -1, 1, 1) + self.bias.view(1, -1, 1, 1)).to(features.dtype)


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


class _Planar(torch.autograd.Function):
    """PyTorch's own kernels, fed with planar copies."""

    @staticmethod
    def forward(ctx, features, weight, bias, running_mean, running_var, momentum, eps):
        features = features.contiguous()
        out, mean, invstd = torch.native_batch_norm(features, weight, bias, running_mean, running_var, True, momentum, eps)
        ctx.save_for_backward(features, weight, mean, invstd)
        ctx.eps = eps
        return out.contiguous(memory_format=torch.channels_last)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        features, weight, mean, invstd = ctx.saved_tensors
        gradients = torch.ops.aten.native_batch_norm_backward(
            gradient.contiguous(), features, weight, None, None, mean, invstd, True, ctx.eps, [True, True, True]
        )
        return gradients[0].contiguous(memory_format=torch.channels_last), *gradients[1:], None, None, None, None
