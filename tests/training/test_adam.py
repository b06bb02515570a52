"""The optimiser, held against PyTorch's own."""

import copy
import subprocess
import sys

import torch
from torch import nn

from cedice.training.adam import Adam

RATES = (0.01, 0.01, 0.004, 0.0, 0.02)


def networks() -> tuple[nn.Sequential, nn.Sequential]:
    torch.manual_seed(0)
    one = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Conv2d(3, 2, 1)).to(memory_format=torch.channels_last)
    return one, copy.deepcopy(one)


def backward(network: nn.Module, step: int) -> None:
    generator = torch.Generator().manual_seed(step)
    network(torch.randn(2, 1, 8, 8, generator=generator)).square().sum().backward()


def test_its_steps_are_those_of_pytorch_bit_by_bit():
    ours, theirs = networks()
    ours[2].bias.requires_grad_(False)  # has no gradient
    theirs[2].bias.requires_grad_(False)
    one, other = Adam(ours.parameters(), 0.1), torch.optim.Adam(theirs.parameters(), 0.1, fused=True)
    for step, rate in enumerate(RATES):
        one.rate = other.param_groups[0]["lr"] = rate
        for network, optimizer in ((ours, one), (theirs, other)):
            optimizer.zero_grad()
            backward(network, step)
            optimizer.step()
        assert all(map(torch.equal, ours.parameters(), theirs.parameters()))
    state = one.state_dict()
    for number, moments in other.state_dict()["state"].items():
        for name, value in moments.items():
            assert torch.equal(state[f"{number}.{name}"], value)


def test_it_goes_on_where_it_was():
    ours, again = networks()
    whole = Adam(ours.parameters(), 0.01)
    for step in range(4):
        whole.zero_grad()
        backward(ours, step)
        if step == 2:
            again.load_state_dict(ours.state_dict())
            rest = Adam(again.parameters(), 0.01)
            rest.load_state_dict({name: value.contiguous().clone() for name, value in whole.state_dict().items()})
        whole.step()
    for step in (2, 3):
        rest.zero_grad()
        backward(again, step)
        rest.step()
    assert all(map(torch.equal, ours.parameters(), again.parameters()))


def test_it_does_without_the_compiler():
    """Whose import takes longer than a short training."""
    code = """
import sys, torch
from cedice.training.adam import Adam
weight = torch.nn.Parameter(torch.ones(2))
weight.grad = torch.ones(2)
Adam([weight], 0.1).step()
print(weight.mean() < 1, "torch._dynamo" in sys.modules)
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told == "tensor(True) False\n"
