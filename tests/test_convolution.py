"""Our convolutions are PyTorch's: outputs and gradients, on the way that is faster and on PyTorch's own."""

import pytest
import torch
from torch import nn

from cedice.convolution import Conv2d, ConvTranspose2d

CASES = [
    (Conv2d, nn.Conv2d, {"kernel_size": 3, "padding": "same", "bias": False}),
    (Conv2d, nn.Conv2d, {"kernel_size": 3, "padding": "valid"}),
    (Conv2d, nn.Conv2d, {"kernel_size": 3, "padding": 1, "stride": 2}),
    (Conv2d, nn.Conv2d, {"kernel_size": 1}),
    (ConvTranspose2d, nn.ConvTranspose2d, {"kernel_size": 2, "stride": 2}),
]


@pytest.mark.parametrize(("ours", "theirs", "options"), CASES)
@pytest.mark.parametrize("channels", [(1, 8), (8, 4), (16, 8), (24, 16), (64, 32), (128, 64)])
@pytest.mark.parametrize("shape", [(2, 10, 14), (1, 9, 14), (1, 7, 5)])
@pytest.mark.parametrize("capability", ["AVX2", "AVX512"])
def test_they_compute_what_pytorch_computes(monkeypatch, ours, theirs, options, channels, shape, capability):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    torch.manual_seed(0)
    layers = [layer(*channels, **options).to(memory_format=torch.channels_last) for layer in (ours, theirs)]
    layers[0].load_state_dict(layers[1].state_dict())
    features = torch.randn(shape[0], channels[0], *shape[1:]).contiguous(memory_format=torch.channels_last)
    results = []
    for layer in layers:
        leaf = features.clone().requires_grad_()
        out = layer(leaf)
        upstream = torch.cos(torch.arange(out.numel()).float()).view_as(out)
        results.append((out, *torch.autograd.grad(out, [leaf, *layer.parameters()], upstream)))
    assert results[0][0].stride() == results[1][0].stride()
    for mine, reference in zip(*results, strict=True):
        torch.testing.assert_close(mine, reference, atol=1e-4, rtol=1e-4)


def test_bfloat16_is_left_to_pytorch():
    layer = Conv2d(8, 8, 3, padding="same").to(memory_format=torch.channels_last)
    features = torch.randn(1, 8, 6, 6).contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        out = layer(features)
    assert out.dtype == torch.bfloat16
    assert "_Convolution" not in type(out.grad_fn).__name__
