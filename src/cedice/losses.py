"""The paper's losses, equations 5 to 8: Loss = CE + α · Dice."""

import math

import torch
from torch import nn
from torch.nn import functional

_AXES = {"sample": (2, 3), "batch": (0, 2, 3)}  # over which the Dice loss sums


def cross_entropy(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy over all pixels, in nats: equation 5 for one channel, equation 6 for C channels.

    logits: (B, 1, H, W) or (B, C, H, W) float; target: (B, H, W) bool or any integer type, 0/1 or 0..C−1. A label outside
    makes the value and its gradient NaN: an exception would have to wait for the device in every step. Raises ValueError for
    other shapes and types.
    """
    return _cross_entropy(*_compared(logits, target))


def dice_loss(logits: torch.Tensor, target: torch.Tensor, over: str = "sample") -> torch.Tensor:
    """Equation 7, 1 − 2 Σpg / (Σp² + Σg²), for each sample and foreground class, then the mean over both; ``over`` "batch"
    takes the sums over all samples of the batch and the mean over the classes, as nnU-Net's 2-D networks are trained.

    Same shapes and errors as `cross_entropy`; p is the sigmoid of the one channel, or the softmax's channels 1..C−1.
    A class that is absent where the sums are taken gives 1 for every p > 0; its limit, 1, is used where p underflows to 0.
    ValueError for any other ``over``.
    """
    return _dice_loss(*_compared(logits, target), _AXES[_known(over)])


def _compared(logits: torch.Tensor, target: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """(B, C, H, W) float32 log-probabilities of the C ≥ 2 classes; the target as 0 and 1 in the same shape; and a factor for
    the loss: 1, or NaN where the target holds a label outside 0..C−1."""
    _check(logits, target)
    # float32: sums over 65,536 pixels need more than bfloat16's 8 bits. Contiguous: a softmax over a few channels that
    # lie side by side in memory is slow on a CPU.
    logits = logits.float().contiguous()
    if logits.shape[1] == 1:  # σ(z) is the softmax of (0, z)
        logits = torch.cat([torch.zeros_like(logits), logits], dim=1)
    count = logits.shape[1]
    if target.dtype != torch.uint8 or count > 256:  # PyTorch compares hardly any of the others, and narrow ones wrap around
        target = target.long()
    classes = torch.arange(count, dtype=target.dtype, device=target.device).view(1, -1, 1, 1)
    outside = ((target < 0) | (target >= count)).any()
    factor = torch.ones((), dtype=logits.dtype, device=logits.device).masked_fill(outside, math.nan)
    return functional.log_softmax(logits, dim=1), (target.unsqueeze(1) == classes).float(), factor


def _cross_entropy(log_probability: torch.Tensor, truth: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
    # Products and sums alone are deterministic on every device; torch's own 2-D cross-entropy is not under CUDA.
    return -(log_probability * truth).sum() / truth[:, 0].numel() * factor


def _dice_loss(log_probability: torch.Tensor, truth: torch.Tensor, factor: torch.Tensor, axes: tuple[int, ...]) -> torch.Tensor:
    probability, truth = log_probability[:, 1:].exp(), truth[:, 1:]
    overlap = (probability * truth).sum(dim=axes)
    sizes = probability.square().sum(dim=axes) + truth.sum(dim=axes)  # g² = g for g in {0, 1}
    return (1 - 2 * overlap / sizes.clamp(min=torch.finfo(sizes.dtype).tiny)).mean() * factor


class CEDiceLoss(nn.Module):
    """Equation 8, CE + α · Dice, as a scalar; α = 0 is plain cross-entropy and computes no Dice term.

    Call with logits and target as in `cross_entropy`; ``dice`` says what the sums of the Dice term are over, as in
    `dice_loss`. Raises ValueError for a negative or non-finite α and for another ``dice``.
    """

    def __init__(self, alpha: float, dice: str = "sample"):
        super().__init__()
        if not 0 <= alpha < float("inf"):
            raise ValueError(f"alpha must be finite and not negative, not {alpha}")
        self.alpha = alpha
        self.dice = _known(dice)

    def terms(self, logits: torch.Tensor, target: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """The two summands before weighting, (CE, Dice); Dice is None where α = 0 leaves it out."""
        compared = _compared(logits, target)
        return _cross_entropy(*compared), _dice_loss(*compared, _AXES[self.dice]) if self.alpha else None

    def weigh(self, ce: torch.Tensor, dice: torch.Tensor | None) -> torch.Tensor:
        """CE + α · Dice from the two `terms`."""
        return ce if dice is None else ce + self.alpha * dice

    def forward(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return self.weigh(*self.terms(logits, target))


def _known(over: str) -> str:
    if over not in _AXES:
        raise ValueError(f"the Dice loss sums over {' or '.join(map(repr, _AXES))}, not {over!r}")
    return over


def _check(logits: torch.Tensor, target: torch.Tensor) -> None:
    if logits.ndim != 4 or not logits.shape[1] or target.shape != logits.shape[:1] + logits.shape[2:]:
        shapes = f"{tuple(logits.shape)} and {tuple(target.shape)}"
        raise ValueError(f"logits must be (B, C, H, W) and target (B, H, W), not {shapes}")
    if target.is_floating_point() or target.is_complex():
        raise ValueError(f"target must hold integer labels, not {target.dtype}")
