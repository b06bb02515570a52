"""Augmentation of batches on the device: mirroring, rotation, scale and gamma, the same draws whatever trains on them.

What a slice gets in an epoch is a row of `draws`, which follow from the seed and the epoch's number alone: order, batch size,
processes and a resumed training do not matter, and both losses see the same pictures. Rotation and scale are one
`grid_sample`: no library that works on batches on a device is among the project's (MONAI's transforms take one slice at a
time), and this is a hundredth of a step of training.
"""

import math
from dataclasses import dataclass

import torch
from torch.nn import functional

AXES = {"vertical": -2, "horizontal": -1}  # along which a slice may be mirrored: rows in reverse, columns in reverse


@dataclass(frozen=True)
class Augmentation:
    """What may happen to a slice.

    ``rotation``: up to so many degrees either way, uniform. ``scale`` and ``gamma``: lowest and highest factor of the size of
    what is seen and exponent of the intensity in 0–1, log-uniform. Each of the three happens to a ``share`` of the slices,
    independently; mirroring along each axis of ``mirror`` (keys of `AXES`) to half of them.
    """

    rotation: float
    scale: tuple[float, ...]
    gamma: tuple[float, ...]
    share: float
    mirror: tuple[str, ...]

    def __call__(self, image: torch.Tensor, mask: torch.Tensor, drawn: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Image (B, 1, S, S) float32 in 0–1 and mask (B, S, S) uint8, as their rows of `draws`, (B, 5), say: the same shapes
        and types, image channels last.

        The image is interpolated bilinearly, the mask takes the nearest label; what comes from outside is 0 in both. A slice to
        which neither rotation nor scale happens keeps its pixels exactly. ValueError for slices that are not square.
        """
        if image.shape[-1] != image.shape[-2]:
            raise ValueError(f"slices must be square to be rotated, not {tuple(image.shape[-2:])}")
        turn, scale, gamma = self.amounts(drawn)
        for axis, column in zip(AXES, drawn[:, 3:].T, strict=True):
            if axis in self.mirror:
                chosen = (column < 0.5).view(-1, 1, 1)
                mask = torch.where(chosen, mask.flip(AXES[axis]), mask)
                image = torch.where(chosen.unsqueeze(1), image.flip(AXES[axis]), image)
        grid = _grid(turn, scale, image.shape[-1])
        moved = ((turn != 0) | (scale != 1)).view(-1, 1, 1)
        labels = functional.grid_sample(mask.unsqueeze(1).float(), grid, mode="nearest", align_corners=False)[:, 0]
        mask = torch.where(moved, labels.to(mask.dtype), mask)
        image = torch.where(moved.unsqueeze(1), functional.grid_sample(image, grid, align_corners=False), image)
        image = image.clamp(0, 1).pow(gamma.view(-1, 1, 1, 1))  # rounding may leave 0–1 by a digit, and gamma has none there
        return image.contiguous(memory_format=torch.channels_last), mask

    def amounts(self, drawn: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Rotation in radians (counter-clockwise as one looks at the slice), scale and gamma, all (B,), of rows of `draws`."""
        chosen, at = drawn[:, :3] < self.share, drawn[:, :3] / self.share
        turn = (2 * at[:, 0] - 1) * math.radians(self.rotation)
        scale, gamma = (low * (high / low) ** at[:, which] for which, (low, high) in ((1, self.scale), (2, self.gamma)))
        return turn * chosen[:, 0], torch.where(chosen[:, 1], scale, 1.0), torch.where(chosen[:, 2], gamma, 1.0)


def draws(count: int, generator: torch.Generator) -> torch.Tensor:
    """(``count``, 5) uniform in [0, 1), a row a slice: rotation, scale, gamma, and mirroring along both of `AXES`."""
    return torch.rand(count, 3 + len(AXES), generator=generator)


def _grid(turn: torch.Tensor, scale: torch.Tensor, size: int) -> torch.Tensor:
    """(B, S, S, 2): where in the slice, from −1 to 1 in x and y, each pixel comes from."""
    centres = (2 * torch.arange(size, device=turn.device) + 1 - size) / size
    y, x = centres.view(1, -1, 1), centres.view(1, 1, -1)
    along, across = (part.view(-1, 1, 1) / scale.view(-1, 1, 1) for part in (turn.cos(), turn.sin()))
    return torch.stack([along * x - across * y, across * x + along * y], dim=-1)
