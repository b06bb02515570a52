"""Our batch norm is PyTorch's: outputs, gradients, running statistics, on both of its ways through."""

import pytest
import torch
from torch import distributed, nn

from cedice.batchnorm import BatchNorm2d


@pytest.mark.parametrize("channels", [1, 8, 15, 16, 24])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_it_computes_what_pytorch_computes(channels, dtype, layout):
    torch.manual_seed(0)
    ours, theirs = BatchNorm2d(channels), nn.BatchNorm2d(channels)
    weight, bias = torch.rand(channels), torch.rand(channels)
    for norm in (ours, theirs):
        norm.weight.data.copy_(weight)
        norm.bias.data.copy_(bias)
    for step in range(3):
        features = (2 * torch.randn(4, channels, 12, 10) + step).to(dtype).contiguous(memory_format=layout)
        upstream = torch.randn_like(features)
        results = []
        for norm in (ours, theirs):
            leaf = features.clone().requires_grad_()
            out = norm(leaf).relu_()  # in place, as in the network
            assert out.is_contiguous(memory_format=layout)
            results.append((out, *torch.autograd.grad(out, [leaf, norm.weight, norm.bias], upstream)))
        rounding = {"atol": 1e-5, "rtol": 1e-4} if dtype == torch.float32 else {"atol": 0.05, "rtol": 0.02}
        for mine, reference in zip(*results, strict=True):
            assert mine.dtype == reference.dtype
            torch.testing.assert_close(mine, reference, **rounding)
    for (name, mine), reference in zip(ours.state_dict().items(), theirs.state_dict().values(), strict=True):
        torch.testing.assert_close(mine, reference, msg=name)
    torch.testing.assert_close(ours.eval()(features), theirs.eval()(features), **rounding)


@pytest.mark.parametrize("channels", [8, 24])
def test_one_value_a_channel_has_no_variance(channels):
    """PyTorch refuses it in training, in these words, and takes it in evaluation."""
    ours = BatchNorm2d(channels)
    features = torch.zeros(1, channels, 1, 1).contiguous(memory_format=torch.channels_last)
    for norm in (ours, nn.BatchNorm2d(channels)):
        with pytest.raises(ValueError, match="Expected more than 1 value per channel when training"):
            norm(features)
    assert ours.eval()(features).isfinite().all()


def test_one_value_a_channel_over_all_processes(tmp_path):
    distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/group", rank=0, world_size=1)
    try:
        with pytest.raises(ValueError, match="Expected more than 1 value per channel when training"):
            BatchNorm2d(8)(torch.zeros(1, 8, 1, 1))
    finally:
        distributed.destroy_process_group()


def test_its_gradient_is_the_numerical_one():
    norm = BatchNorm2d(3).double()
    features = torch.randn(2, 3, 4, 5, dtype=torch.float64).contiguous(memory_format=torch.channels_last).requires_grad_()
    assert torch.autograd.gradcheck(lambda x, *_: norm(x), (features, norm.weight, norm.bias))


def test_a_mean_far_above_the_spread_keeps_its_variance():
    features = (torch.randn(2, 8, 64, 64) + 1000).contiguous(memory_format=torch.channels_last)
    ours, exact = BatchNorm2d(8, momentum=1), nn.BatchNorm2d(8, momentum=1).double()
    ours(features), exact(features.double())
    torch.testing.assert_close(ours.running_var.double(), exact.running_var, atol=0, rtol=1e-4)
