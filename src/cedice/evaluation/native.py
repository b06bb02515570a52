"""From a grid with a spacing back to the slices' own pixels, where predictions are measured.

The network's probabilities are resampled (`cedice.data.grid.Grid.back`), not its labels, so that borders follow the slice's own
pixels, and the label is the most probable class, as in nnU-Net. Beyond the grid's field all is background.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from cedice.data.grid import Grid, pixel_size


@dataclass(frozen=True)
class Native:
    """Where slices are measured: the ``grid`` that they are on, their own masks ``truth`` (H, W), and their rows of the
    index."""

    grid: Grid
    truth: Sequence[np.ndarray]
    index: pd.DataFrame

    def likely(self, number: int, likely: torch.Tensor) -> torch.Tensor:
        """(1, C, H, W) on the own pixels of slice ``number``, from its probabilities (C, size, size)."""
        place = self.index.iloc[number].to_dict()
        pixel = pixel_size(self.grid, place, place["slice"])
        return to_native(self.grid, likely[None], self.truth[number].shape, pixel)


def probabilities(logits: torch.Tensor) -> torch.Tensor:
    """(B, C, H, W) of all classes; of one channel those of background and foreground."""
    if logits.shape[1] > 1:
        return logits.softmax(dim=1)
    foreground = logits.sigmoid()
    return torch.cat([1 - foreground, foreground], dim=1)


def to_native(grid: Grid, likely: torch.Tensor, shape: tuple[int, ...], pixel: tuple[float, float]) -> torch.Tensor:
    """Probabilities (B, C, size, size) on the grid → (B, C, *shape), of pixels of these sizes in mm (rows, columns)."""
    rows, columns = (
        torch.from_numpy(grid.back(length, width)).to(likely.device) for length, width in zip(shape, pixel, strict=True)
    )
    foreground = rows @ likely[:, 1:] @ columns.T
    return torch.cat([1 - foreground.sum(dim=1, keepdim=True), foreground], dim=1)
