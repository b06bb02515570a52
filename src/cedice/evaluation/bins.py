"""Sums of probabilities over the bins of `cedice.evaluation.calibration`, from a network's output."""

import torch

from cedice.evaluation.calibration import BINS, SUMS


def bin_sums(logits: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """(B, K, BINS, 4) float64: pixels, Σp, Σy and Σ(p − y)² of each image, foreground class and bin.

    logits: (B, 1, H, W) or (B, C, H, W) float32; mask: (B, H, W) labels 0..C−1. K is 1 for one channel, else C − 1.
    """
    classes = max(logits.shape[1] - 1, 1)
    labels = torch.arange(1, classes + 1, device=mask.device).view(-1, 1, 1)
    offsets = BINS * torch.arange(classes, dtype=torch.int32, device=mask.device).view(-1, 1, 1)
    found = []
    for scores, target in zip(logits, mask, strict=True):  # one by one they fit into a CPU's cache: half the time
        probability = scores.sigmoid() if len(scores) == 1 else scores.softmax(dim=0)[1:]
        truth = target == labels
        cells = ((probability * BINS).ceil_().clamp_(1, BINS).int() - 1).add_(offsets).flatten()
        squares = (probability - truth.float()).square_()
        weights = (None, *(values.flatten().double() for values in (probability, truth, squares)))
        sums = [torch.bincount(cells, values, classes * BINS).double() for values in weights]
        found.append(torch.stack(sums, dim=1).view(classes, BINS, len(SUMS)))
    return torch.stack(found)
