"""From probabilities to labels at a threshold, and to counts at all of them (the rule: `cedice.evaluation.thresholds`)."""

import torch

from cedice.evaluation.thresholds import HALF, THRESHOLDS
from cedice.training.forward import most_probable


def labels(likely: torch.Tensor, threshold: float) -> torch.Tensor:
    """(B, H, W) uint8, labels at a threshold between 0 and 1, of probabilities (B, C, H, W), which sum to 1. At 0.5 of classes
    that are equally probable the first, as ever."""
    if threshold == HALF:
        return most_probable(likely)
    place, share = _foreground(likely)
    return (place + 1).masked_fill_(~(share >= threshold), 0)


def counted(likely: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """(B, C − 1, T, 3) int64, TP, FP, FN at each of the T `THRESHOLDS`, of probabilities (B, C, H, W), which sum to 1, and a
    mask (B, H, W) of labels 0..C−1."""
    images, classes = likely.shape[0], likely.shape[1] - 1
    label, share = _foreground(likely)
    grid = torch.tensor(THRESHOLDS, dtype=share.dtype, device=share.device)
    passed = torch.bucketize(share, grid, right=True)  # so many thresholds say foreground
    image = torch.arange(images, device=share.device).view(-1, 1, 1)
    cells = (image * classes + label) * (len(grid) + 1) + passed
    size, shape = images * classes * (len(grid) + 1), (images, classes, len(grid) + 1)
    predicted, hits = (
        torch.bincount(chosen.flatten(), minlength=size).view(shape)[:, :, 1:].flip(2).cumsum(2).flip(2)
        for chosen in (cells, cells[mask == label + 1])
    )
    labels = torch.arange(1, classes + 1, device=mask.device).view(1, -1, 1, 1)
    truth = (mask[:, None] == labels).sum(dim=(2, 3))[:, :, None]
    return torch.stack([hits, predicted - hits, truth - hits], dim=3)


def _foreground(likely: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(The most probable foreground class, from 0, uint8; its probability's share p / (p + p₀)), both (B, H, W)."""
    best = likely[:, 1:].amax(dim=1)
    return most_probable(likely[:, 1:]), best / (best + likely[:, 0]).clamp(min=torch.finfo(likely.dtype).tiny)
