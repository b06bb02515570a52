"""Slices on a device, and a network's way from them to label maps: what training, evaluation and prediction share."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from cedice.errors import CediceError
from cedice.training.augmentation import AXES

EVALUATION_BATCH = 16  # as most studies train: cuDNN tunes one shape for both; another would change last digits of val_ce


@dataclass(frozen=True)
class Tensors:
    """Slices on a device: images (N, 1, H, W) and masks (N, H, W), both uint8, of which ``rows`` (M,) int64 are meant, so
    that both sides of a split share one copy."""

    images: torch.Tensor
    masks: torch.Tensor
    rows: torch.Tensor

    @classmethod
    def of(cls, images: np.ndarray, masks: np.ndarray, device: torch.device) -> "Tensors":
        """All slices of (N, H, W) arrays."""
        rows = torch.arange(len(images), device=device)
        return cls(torch.from_numpy(images).unsqueeze(1).to(device), torch.from_numpy(masks).to(device), rows)

    def part(self, rows: np.ndarray) -> "Tensors":
        """Those with these numbers, in this order; CediceError where there is none."""
        if not len(rows):
            raise CediceError("no slices on one side of the split; check the index table")
        return replace(self, rows=self.rows[torch.from_numpy(rows).to(self.rows.device)])

    def __len__(self) -> int:
        return len(self.rows)

    def batch(self, chosen: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(image (B, 1, H, W) float32 in 0–1, channels last; mask (B, H, W) uint8) of the slices with these of M numbers."""
        rows = self.rows[chosen]
        image = self.images[rows].float().div_(255)
        return image.contiguous(memory_format=torch.channels_last), self.masks[rows]


def predict(logits: torch.Tensor) -> torch.Tensor:
    """Label map (B, H, W) uint8: the most probable class; for one channel, probability at least one half."""
    return (logits[:, 0] >= 0).to(torch.uint8) if logits.shape[1] == 1 else most_probable(logits)


def most_probable(scores: torch.Tensor) -> torch.Tensor:
    """(B, C, H, W) → (B, H, W) uint8, `scores.argmax(dim=1)`: class by class, since PyTorch's own, on a CPU, takes several
    times as long as a network of 8 channels."""
    best = scores[:, 0]
    labels = torch.zeros_like(best, dtype=torch.uint8)
    for label in range(1, scores.shape[1]):
        labels.masked_fill_(scores[:, label] > best, label)
        best = torch.maximum(best, scores[:, label])
    return labels


def infer(
    model: nn.Module, data: Tensors, precision: str, order: torch.Tensor | None = None, mirror: Sequence[str] = ()
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """(`scores` float32, mask) batch by batch, in ``order`` (default: all slices), in evaluation mode, without gradients."""
    model.eval()
    order = torch.arange(len(data)) if order is None else order
    for chosen in order.to(data.rows.device).split(EVALUATION_BATCH):
        image, mask = data.batch(chosen)
        # Only around the forward pass, so that a caller between two batches is not in inference mode.
        with torch.inference_mode(), autocast(image.device, precision):
            logits = scores(model, image, mirror)
        yield logits, mask


def scores(model: nn.Module, image: torch.Tensor, mirror: Sequence[str]) -> torch.Tensor:
    """The network's logits (B, C, H, W) float32; with ``mirror`` (keys of `AXES`), those of its probabilities averaged over
    the image and its mirror images along these axes."""
    if not mirror:
        return model(image).float()
    dims = [AXES[axis] for axis in mirror]
    flips = [flip for count in range(len(dims) + 1) for flip in itertools.combinations(dims, count)]
    several = [model(image.flip(flip)).float().flip(flip) for flip in flips]
    mean = torch.stack([_log_probabilities(logits) for logits in several]).logsumexp(dim=0) - math.log(len(flips))
    return mean[:, 1:] - mean[:, :1] if several[0].shape[1] == 1 else mean  # of one channel: the sigmoid's inverse


def _log_probabilities(logits: torch.Tensor) -> torch.Tensor:
    """Of all classes: of the one channel's two, too, since σ(z) is the softmax of (0, z)."""
    if logits.shape[1] == 1:
        finite = logits.clamp(max=torch.finfo(logits.dtype).max)  # the softmax of (0, ∞) is NaN
        logits = torch.cat([torch.zeros_like(logits), finite], dim=1)
    return logits.log_softmax(dim=1)


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """The context in which the network computes in ``precision``; sets what PyTorch keeps globally for the two others."""
    if device.type == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "tf32"
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bf16")
