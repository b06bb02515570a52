"""From a scan's own intensities to the grey values 0–255 that networks are trained on and predict from."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from cedice.errors import CediceError


@dataclass(frozen=True)
class Intensity:
    """How a volume is scaled. "percentiles": those of its voxels become 0 and 255, as is usual for MR, whose numbers have no
    unit. "window": ``low`` and ``high`` become 0 and 255. Where ``low`` is negative these are Hounsfield units, and a volume
    that lies in 0–255 is taken as windowed before (a CT holds air, at −1000), and left as it is."""

    kind: Literal["percentiles", "window"]
    low: float
    high: float

    def scale(self, voxels: np.ndarray, where: object) -> np.ndarray:
        """float32 in 0–255 of the same shape; CediceError, naming ``where``, for a volume without contrast."""
        low, high = self.low, self.high
        if self.kind == "percentiles":
            low, high = np.percentile(voxels, (low, high))
            if low == high:
                between = f"between the {self.low:g} and {self.high:g} percentile"
                raise CediceError(f"{where}: every voxel {between} is {low:g}; there is no image in it")
        elif self.low < 0 and voxels.min() >= 0 and voxels.max() <= 255:
            return voxels.astype(np.float32)
        return np.clip((voxels.astype(np.float32) - low) * (255 / (high - low)), 0, 255)
