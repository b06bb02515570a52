"""The grid that slices are brought onto, and the way back to a volume's own pixels.

Without a spacing a slice is resized to size × size, whatever its shape, and measured there (the paper's). With one, a pixel of
the grid is ``spacing`` mm wide ("native": as wide as the slice's own), the centres of slice and grid coincide, and what lies
beyond the slice is 0. Both ways are one matrix an axis: the weights of linear interpolation, widened to the area of a pixel
where pixels grow (as Pillow and PyTorch with ``antialias`` do); a pixel whose centre lies beyond has none.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from cedice.errors import CediceError

Spacing = float | Literal["native"] | None
IN_MM = {"mm": 1.0, "meter": 1e3, "micron": 1e-3}


@dataclass(frozen=True)
class Grid:
    """``size`` in pixels per side; ``spacing`` as the module says."""

    size: int
    spacing: Spacing = None

    def onto(self, length: int, pixel: float) -> np.ndarray:
        """(size, length) float32: the weights of an axis of ``length`` pixels of ``pixel`` mm in each pixel of the grid."""
        return _weights(length, self.size, self._step(pixel), _centre(length, self.size, self._step(pixel)))

    def back(self, length: int, pixel: float) -> np.ndarray:
        """(length, size) float32: the weights of the grid's pixels in each of the axis."""
        step = self._step(pixel)
        return _weights(self.size, length, 1 / step, -_centre(length, self.size, step) / step)

    def nearest(self, length: int, pixel: float) -> np.ndarray:
        """(size,) int: the pixel of the axis that holds the centre of each of the grid's; -1 beyond."""
        step = self._step(pixel)
        at = np.floor((np.arange(self.size) + 0.5) * step + _centre(length, self.size, step)).astype(int)
        return np.where((at >= 0) & (at < length), at, -1)

    def image(self, image: np.ndarray, pixel: tuple[float, float]) -> np.ndarray:
        """(H, W) float32 in 0–255, of pixels of these sizes (rows, columns), → (size, size) uint8."""
        rows, columns = (self.onto(length, width) for length, width in zip(image.shape, pixel, strict=True))
        return np.clip(np.rint(rows @ image.astype(np.float32) @ columns.T), 0, 255).astype(np.uint8)

    def labels(self, mask: np.ndarray, pixel: tuple[float, float]) -> np.ndarray:
        """(H, W) labels → (size, size): the nearest pixel's, so that none is invented between two classes; 0 beyond."""
        rows, columns = (self.nearest(length, width) for length, width in zip(mask.shape, pixel, strict=True))
        return np.where((rows < 0)[:, None] | (columns < 0), 0, mask[np.ix_(rows, columns)]).astype(mask.dtype)

    def _step(self, pixel: float) -> float:
        """Pixels of the axis in one of the grid's."""
        assert self.spacing is not None
        return 1.0 if self.spacing == "native" else self.spacing / pixel


def pixel_size(grid: Grid, place: dict[str, Any], where: object) -> tuple[float, float]:
    """Size of a pixel in mm, rows then columns, from the spacing columns of `cedice.data.slices`; 1 where the grid needs none.
    CediceError, naming ``where``, where it is not known."""
    if grid.spacing == "native":
        return 1.0, 1.0
    unit = IN_MM.get(place["spacing_unit"])
    sizes = place["spacing_rows"], place["spacing_columns"]
    if unit is None or any(size is None or not size > 0 for size in sizes):
        raise CediceError(
            f"{where}: its header does not say how many mm a pixel has, which a grid in mm needs; repair the header, or use "
            "another grid (in params.yaml: grid: {spacing: native, size: …} or {size: 256})"
        )
    return sizes[0] * unit, sizes[1] * unit


def _centre(length: int, size: int, step: float) -> float:
    """Where the grid begins, in pixels of the axis; whole where pixels are not resampled."""
    begin = (length - size * step) / 2
    return float(np.floor(begin)) if step == 1 else begin


@lru_cache(maxsize=1024)
def _weights(length: int, size: int, step: float, begin: float) -> np.ndarray:
    """(size, length): pixel i of the output has its centre at (i + ½) step + begin of an axis of ``length`` pixels."""
    centres = (np.arange(size) + 0.5) * step + begin
    reach = max(step, 1.0)
    weights = np.maximum(1 - np.abs(centres[:, None] - (np.arange(length) + 0.5)) / reach, 0)
    weights[(centres < 0) | (centres >= length)] = 0
    total = weights.sum(axis=1, keepdims=True)
    return np.divide(weights, total, out=np.zeros_like(weights), where=total > 0).astype(np.float32)
