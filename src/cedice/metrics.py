"""Equations 1 to 3 from counts of pixels: the one module behind every curve, table and figure.

A prediction is counted once, per slice and class, into TP, FP, FN (TN is the rest). Every average is then a sum or a
mean over these counts. The two headline conventions pool the counts of the whole validation set per class and then take
the mean over classes: `with_background` over all of them, the paper's own convention as far as its numbers reveal it;
`foreground` without class 0.
"""

import math
import sys
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:  # of the stages that make reports none needs PyTorch, which takes three seconds to import
    import torch

CONVENTIONS = {"with_background": 0, "foreground": 1}  # name → the first class that enters the mean
METRICS = ("dice", "iou", "pixel_error")
LAST_EPOCHS = 10  # whose values are kept slice by slice, and reported with their mean and spread


def region_counts(
    prediction: "torch.Tensor", target: "torch.Tensor", classes: int
) -> "tuple[torch.Tensor, torch.Tensor, torch.Tensor]":
    """TP, FP and FN in pixels, each (B, classes) int64, class 0 the background, on the device of the maps.

    prediction and target: (B, H, W) label maps, bool or any integer type, with values 0..classes−1 (a value outside raises
    ValueError, as do shapes that differ and other types).
    """
    import torch

    prediction, target = torch.as_tensor(prediction), torch.as_tensor(target)
    if prediction.ndim != 3 or prediction.shape != target.shape:
        raise ValueError(f"both maps must be (B, H, W), not {tuple(prediction.shape)} and {tuple(target.shape)}")
    if any(labels.is_floating_point() or labels.is_complex() for labels in (prediction, target)):
        raise ValueError(f"both maps must hold integers, not {prediction.dtype} and {target.dtype}")
    prediction, target = prediction.long(), target.long()  # PyTorch has no minimum of wider unsigned types
    for name, labels in (("prediction", prediction), ("target", target)):
        if labels.numel() and not 0 <= int(labels.min()) <= int(labels.max()) < classes:
            raise ValueError(f"{name} holds labels outside 0..{classes - 1}")
    confusion = confusion_counts(prediction, target, classes)
    tp = confusion.diagonal(dim1=1, dim2=2)
    return tp, confusion.sum(dim=1) - tp, confusion.sum(dim=2) - tp


def confusion_counts(prediction: "torch.Tensor", target: "torch.Tensor", classes: int) -> "torch.Tensor":
    """(B, classes, classes) int64 pixel counts, [b, t, p] = target t predicted as p; labels are not checked here,
    so that a training loop on a GPU need not wait for them."""
    import torch

    cells = classes**2
    batch = torch.arange(len(target), device=target.device, dtype=torch.int32).view(-1, 1, 1)
    cell = batch * cells + target.int() * classes + prediction.int()  # 32 bits: a quarter of the time that 64 take
    return torch.bincount(cell.flatten(), minlength=len(target) * cells).view(-1, classes, classes)


def dice(tp, fp, fn, empty: float = math.nan):
    """Equation 1, 2|A∩B| / (|A|+|B|) = 2 TP / (2 TP + FP + FN), element by element; 0/0 is ``empty`` (NaN: left out).

    Takes and returns NumPy arrays or torch tensors of one shape, counts in pixels of any type in, float64 out.
    """
    tp, fp, fn = map(_float64, (tp, fp, fn))
    return _ratio(2 * tp, 2 * tp + fp + fn, empty)


def iou(tp, fp, fn, empty: float = math.nan):
    """Equation 2, |A∩B| / |A∪B| = TP / (TP + FP + FN); arguments and 0/0 as in `dice`."""
    tp, fp, fn = map(_float64, (tp, fp, fn))
    return _ratio(tp, tp + fp + fn, empty)


def pixel_error(tp, fp, fn, empty: float = math.nan):
    """Equation 3, wrong pixels / all pixels, over the last axis, which holds all classes, background included.

    Each wrong pixel is one FN of its own class and one FP of another, so half the sum of both counts it once; for one
    foreground class this is (FP + FN) / N of that class. It is the same number in both headline conventions.
    """
    tp, fp, fn = map(_float64, (tp, fp, fn))
    return _ratio((fp + fn).sum(-1) / 2, (tp + fn).sum(-1), empty)


def headline(tp: np.ndarray, fp: np.ndarray, fn: np.ndarray) -> dict[str, dict[str, float]]:
    """{convention: {metric: value}} from counts (classes,) pooled over a validation set.

    A class without any pixel in prediction and target is left out of the mean; NaN where none is left.
    """
    error = float(pixel_error(tp, fp, fn))
    values = {}
    for convention, first in CONVENTIONS.items():
        counts = tp[first:], fp[first:], fn[first:]
        values[convention] = {"dice": _mean(dice(*counts)), "iou": _mean(iou(*counts)), "pixel_error": error}
    return values


def _mean(values: np.ndarray) -> float:
    return float(np.nanmean(values)) if np.isfinite(values).any() else math.nan


def _float64(counts):
    """Exact up to 2^53; sums in a narrow integer type would wrap around."""
    return counts.double() if _is_tensor(counts) else np.asarray(counts, np.float64)


def _ratio(numerator, denominator, empty: float):
    if _is_tensor(denominator):
        return (numerator / denominator.clamp(min=1)).masked_fill(denominator == 0, empty)
    return np.where(denominator == 0, empty, numerator / np.maximum(denominator, 1))


def _is_tensor(values) -> bool:
    torch = sys.modules.get("torch")  # who has a tensor has imported it
    return torch is not None and isinstance(values, torch.Tensor)
