"""Adam (Kingma and Ba, ICLR 2015) with its usual β of 0.9 and 0.999 and ε of 1e-8, by PyTorch's fused function.

`torch.optim.Adam` takes the same steps, bit by bit; but it imports PyTorch's compiler first, which takes 3 s of a CPU: a tenth
of a training of the demo."""

from collections.abc import Iterable

import torch
from torch import nn
from torch.optim.adam import adam


class Adam:
    """Moves ``parameters`` by their gradients; ``rate`` may change from step to step."""

    def __init__(self, parameters: Iterable[nn.Parameter], rate: float):
        self.rate, self.parameters = rate, list(parameters)
        self.moments = [
            {"exp_avg": torch.zeros_like(each), "exp_avg_sq": torch.zeros_like(each), "step": each.new_zeros(())}
            for each in self.parameters
        ]

    def zero_grad(self) -> None:
        for parameter in self.parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Parameters without a gradient stay as they are."""
        used = [number for number, parameter in enumerate(self.parameters) if parameter.grad is not None]
        parameters: list[torch.Tensor] = [self.parameters[number] for number in used]
        moments = [self.moments[number] for number in used]
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        first, second, steps = ([of[name] for of in moments] for name in ("exp_avg", "exp_avg_sq", "step"))
        adam(
            parameters,
            gradients,
            first,
            second,
            [],
            steps,
            fused=True,
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=self.rate,
            weight_decay=0.0,
            eps=1e-8,
            maximize=False,
        )

    def state_dict(self) -> dict[str, torch.Tensor]:
        """{"0.exp_avg": …}: the moments and steps of each parameter by its number, not copied."""
        return {f"{number}.{name}": value for number, of in enumerate(self.moments) for name, value in of.items()}

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        """Copied into what is here, whose layout in memory the fused function needs; KeyError where one is missing."""
        for name, value in self.state_dict().items():
            value.copy_(state[name])
