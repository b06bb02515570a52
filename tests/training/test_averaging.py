"""The averaged network against values worked by hand."""

import pytest
import torch
from torch import nn

from cedice.batchnorm import BatchNorm2d
from cedice.training.averaging import Average
from cedice.unet import UNet


class Scalar(nn.Module):
    """One weight, one statistic, one counter."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([7.0]))
        self.register_buffer("mean", torch.tensor([-7.0]))
        self.register_buffer("batches", torch.tensor(0))

    def step(self, weight: float, mean: float) -> None:
        with torch.no_grad():
            self.weight.fill_(weight)
            self.mean.fill_(mean)
            self.batches += 1


def test_three_steps_by_hand():
    """w = 1, 10/11, 10/12: after steps to 1, 2, 4 the weight is 1, 1 + 10/11 = 21/11, 21/11 + 10/12 · 23/11 = 241/66."""
    network = Scalar()
    average = Average(network)
    found = []
    for weight, mean in ((1, 10), (2, 20), (4, 40)):
        network.step(weight, mean)
        average.update_parameters(network)
        found.append((average.module.weight.item(), average.module.mean.item(), average.module.batches.item()))
    for (weight, mean, batches), expected in zip(found, (1, 21 / 11, 241 / 66), strict=True):
        assert weight == pytest.approx(expected)
        assert mean == pytest.approx(10 * expected)
        assert batches in (1, 2, 3)
    assert found[-1][2] == 3
    assert network.weight.item() == 4


def test_it_averages_over_the_last_tenth_whatever_the_length():
    """Of the values 1, 2, …, t the average lies (t − 1) / 11 below t: exactly, since w_t solves that recursion."""
    network = Scalar()
    average = Average(network)
    for step in range(1, 301):
        network.step(step, 0)
        average.update_parameters(network)
        assert average.module.weight.item() == pytest.approx(step - (step - 1) / 11, rel=1e-5)


def test_every_weight_and_buffer_of_the_network_is_averaged():
    torch.manual_seed(0)
    network = UNet(base_channels=2, depth=1).to(memory_format=torch.channels_last)
    average = Average(network)
    states = []
    for _ in range(2):
        network(torch.rand(2, 1, 16, 16))  # moves the statistics
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(torch.rand_like(parameter))
        average.update_parameters(network)
        states.append({name: value.clone() for name, value in network.state_dict().items()})
    for name, value in average.module.state_dict().items():
        first, second = (state[name] for state in states)
        expected = first + 10 / 11 * (second - first) if value.is_floating_point() else second
        torch.testing.assert_close(value, expected, msg=name)
        assert value.stride() == network.state_dict()[name].stride()  # one walk through memory
    assert any(isinstance(module, BatchNorm2d) for module in average.module.modules())
