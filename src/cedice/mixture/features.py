"""What a mixture sees of a pixel: its grey value, the grey value of its neighbourhood, its place in the slice."""

from collections.abc import Callable

import numpy as np
from scipy.ndimage import gaussian_filter

SMOOTHING = 2.0  # pixels, the standard deviation of the Gaussian that smooths
_FEATURES: dict[str, Callable[[np.ndarray], list[np.ndarray]]] = {
    "intensity": lambda image: [image],
    "smoothed": lambda image: [gaussian_filter(image, SMOOTHING)],
    "position": lambda image: _position(*image.shape),
}
FEATURES = tuple(_FEATURES)


def features(image: np.ndarray, names: list[str]) -> np.ndarray:
    """(H, W) uint8 → (H·W, F) float64: of `FEATURES` those with these names, in this order.

    intensity and smoothed lie in 0–1; position is two columns, row and column from the slice's centre in shares of its height
    and width, −½ to ½.
    """
    grey = image / 255.0
    return np.stack([column.ravel() for name in names for column in _FEATURES[name](grey)], axis=1)


def _position(height: int, width: int) -> list[np.ndarray]:
    rows, columns = ((np.arange(size) - (size - 1) / 2) / size for size in (height, width))
    return [np.repeat(rows, width), np.tile(columns, height)]
