"""The paper's losses, equations 5 to 8: Loss = CE + α · Dice."""

import math
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

_AXES = {"sample": (2, 3), "batch": (0, 2, 3)}  # over which the Dice loss sums


def cross_entropy(logits: torch.Tensor, target: torch.Tensor, ignore_index: int | None = None) -> torch.Tensor:
    """Mean cross-entropy over all pixels, in nats: equation 5 for one channel, equation 6 for C channels.

    logits: (B, 1, H, W) or (B, C, H, W) float; target: (B, H, W) bool or any integer type, 0/1 or 0..C−1. A logit of −∞ says
    that a class cannot be, and costs nothing where it is not. Pixels whose label is ``ignore_index`` are left out, as in
    PyTorch's own; where no pixel is left, the value is NaN and the gradient 0. Any other label outside makes both NaN: an
    exception would have to wait for the device in every step. Raises ValueError for other shapes and types.
    """
    return _cross_entropy(_compared(logits, target, ignore_index))


def dice_loss(
    logits: torch.Tensor, target: torch.Tensor, over: str = "sample", ignore_index: int | None = None
) -> torch.Tensor:
    """Equation 7, 1 − 2 Σpg / (Σp² + Σg²), for each sample and foreground class, then the mean over both; ``over`` "batch"
    takes the sums over all samples of the batch and the mean over the classes, as nnU-Net's 2-D networks are trained.

    Same shapes, labels and errors as `cross_entropy`; p is the sigmoid of the one channel, or the softmax's channels 1..C−1.
    Pixels of ``ignore_index`` enter no sum. A class that is absent where the sums are taken gives 1 for every p > 0; its limit,
    1, is used where p underflows to 0, and where all pixels are left out. ValueError for any other ``over``.
    """
    return _dice_loss(_compared(logits, target, ignore_index), _AXES[_known(over)])


def _log_probabilities(logits: torch.Tensor) -> torch.Tensor:
    """Logits (B, C, H, W) float32 → the logarithms of all classes' probabilities; of one channel, those of its two classes."""
    if logits.shape[1] == 1:  # σ(z) is the softmax of (0, z)
        pair = torch.cat([torch.zeros_like(logits), logits], dim=1)
        with torch.no_grad():  # and of (−∞, z), for whatever finite z, where z is ∞; the gradient by z is the same
            largest = torch.finfo(logits.dtype).max
            pair[:, :1] = (largest - logits).clamp_(max=0)
            pair[:, 1:].clamp_(max=largest)
        logits = pair
    return functional.log_softmax(logits, dim=1)


class _Compared(NamedTuple):
    """``log_probability`` (B, C, H, W) float32 of the C ≥ 2 classes; ``truth`` in the same shape, 1 at a pixel's class and
    else 0; ``kept`` (B, 1, H, W) bool, the pixels that count, None for all; and a ``factor`` for the loss: 1, or NaN where the
    target holds a label outside 0..C−1."""

    log_probability: torch.Tensor
    truth: torch.Tensor
    kept: torch.Tensor | None
    factor: torch.Tensor


def _compared(logits: torch.Tensor, target: torch.Tensor, ignore_index: int | None) -> _Compared:
    _check(logits, target)
    # float32: sums over 65,536 pixels need more than bfloat16's 8 bits. Contiguous: a softmax over a few channels that
    # lie side by side in memory is slow on a CPU.
    log_probability = _log_probabilities(logits.float().contiguous())
    count = log_probability.shape[1]
    narrow = target.dtype == torch.uint8 and all(0 <= label < 256 for label in (count - 1, ignore_index or 0))
    if not narrow:  # PyTorch compares hardly any other type, and a narrow one wraps around
        target = target.long()
    kept = None
    if ignore_index is not None:
        kept = (target != ignore_index).unsqueeze(1)
        target = target.masked_fill(~kept[:, 0], 0)
    lowest, highest = target.aminmax()
    factor = torch.ones((), device=logits.device).masked_fill((lowest < 0) | (highest >= count), math.nan)
    truth = target.unsqueeze(1) == torch.arange(count, dtype=target.dtype, device=target.device).view(1, -1, 1, 1)
    return _Compared(log_probability, (truth if kept is None else truth & kept).float(), kept, factor)


class _Chosen(torch.autograd.Function):
    """Σ g log p of ``log_probability`` and ``truth`` g in {0, 1}, (B, C, H, W) both, with 0 · ∞ = 0: where a class cannot be,
    and is not, log p = −∞ costs nothing. `torch.where` would say it in a line, and takes three times as long on a CPU."""

    @staticmethod
    def forward(ctx, log_probability, truth):
        ctx.save_for_backward(truth)
        lowest = torch.finfo(log_probability.dtype).min
        total = log_probability.clamp(min=lowest).mul_(truth).sum()
        return total.masked_fill(total <= lowest, -math.inf)

    @staticmethod
    def backward(ctx, gradient):
        (truth,) = ctx.saved_tensors
        return gradient * truth, None


def _cross_entropy(compared: _Compared) -> torch.Tensor:
    # Products and sums alone are deterministic on every device; torch's own 2-D cross-entropy is not under CUDA.
    total = _Chosen.apply(compared.log_probability, compared.truth)
    if compared.kept is None:
        return -total / compared.truth[:, 0].numel() * compared.factor
    pixels = compared.kept.sum()
    none = torch.zeros_like(total).masked_fill(pixels == 0, math.nan)  # added, it leaves the gradient alone
    return (none - total / pixels.clamp(min=1)) * compared.factor


def _dice_loss(compared: _Compared, axes: tuple[int, ...]) -> torch.Tensor:
    probability, truth = compared.log_probability[:, 1:].exp(), compared.truth[:, 1:]
    if compared.kept is not None:
        probability = torch.where(compared.kept, probability, 0)
    overlap = (probability * truth).sum(dim=axes)
    sizes = probability.square().sum(dim=axes) + truth.sum(dim=axes)  # g² = g for g in {0, 1}
    return (1 - 2 * overlap / sizes.clamp(min=torch.finfo(sizes.dtype).tiny)).mean() * compared.factor


class CEDiceLoss(nn.Module):
    """Equation 8, CE + α · Dice, as a scalar; α = 0 is plain cross-entropy and computes no Dice term.

    Call with logits and target as in `cross_entropy`: pixels whose label is ``ignore_index`` are out of both terms, and any
    other label outside 0..C−1 makes the value and its gradient NaN. ``dice`` says what the sums of the Dice term are over, as
    in `dice_loss`. Raises ValueError for a negative or non-finite α and for another ``dice``.
    """

    def __init__(self, alpha: float, dice: str = "sample", ignore_index: int | None = None):
        super().__init__()
        if not 0 <= alpha < float("inf"):
            raise ValueError(f"alpha must be finite and not negative, not {alpha}")
        self.alpha = alpha
        self.dice = _known(dice)
        self.ignore_index = ignore_index

    def terms(self, logits: torch.Tensor, target: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """The two summands before weighting, (CE, Dice); Dice is None where α = 0 leaves it out."""
        compared = _compared(logits, target, self.ignore_index)
        return _cross_entropy(compared), _dice_loss(compared, _AXES[self.dice]) if self.alpha else None

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
    if logits.ndim != 4 or not logits.numel() or target.shape != logits.shape[:1] + logits.shape[2:]:
        shapes = f"{tuple(logits.shape)} and {tuple(target.shape)}"
        raise ValueError(f"logits must be (B, C, H, W) and target (B, H, W), not {shapes}")
    if target.is_floating_point() or target.is_complex():
        raise ValueError(f"target must hold integer labels, not {target.dtype}")
