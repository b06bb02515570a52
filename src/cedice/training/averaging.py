"""The averaged network: the weights and buffers of the last tenth of a training, by polynomial-decay averaging.

After optimiser step t = 1, 2, … averaged ← averaged + w_t · (current − averaged), w_t = (η + 1) / (t + η) (Shamir and Zhang,
"Stochastic gradient descent for non-smooth optimization", ICML 2013, section 4). With η = 9 step s counts in proportion to
s · (s + 1) ⋯ (s + 8), about as (s / t)⁹, so that the mean lies t / 11 steps back, whatever t is: the averaged network of each
epoch is that of a training of this length. Buffers (the statistics of batch norm) are averaged like the weights; integers,
which only count, are those of the current network.
"""

from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

ETA = 9


class Average(AveragedModel):
    """The averaged copy of a network, `module`; `update_parameters(network)` after every step of the optimiser."""

    module: Any

    def __init__(self, network: nn.Module):
        super().__init__(network, multi_avg_fn=self._move, use_buffers=True)

    @torch.no_grad()
    def _move(self, averaged: Any, current: Any, _: Any) -> None:
        """Called from the second step on, for all tensors of one type."""
        if not averaged[0].is_floating_point():
            torch._foreach_copy_(averaged, current)
            return
        step = int(self.n_averaged) + 1  # kept on the CPU: reading it waits for no device
        torch._foreach_lerp_(averaged, current, (ETA + 1) / (step + ETA))
