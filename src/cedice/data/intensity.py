"""From a scan's own intensities to the grey values 0–255 that networks are trained on and predict from."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from cedice.errors import CediceError, within_memory

_AIR = -200  # Hounsfield units; fat lies above, air at −1000
_PADDING = -1100  # below all Hounsfield units; it is mostly -2000
_DENSE = 700  # Hounsfield units, which only bone and metal exceed: never a twentieth of a scan
_FLAT = 50  # the range of numbers that were standardised, or scaled to less
_BRIGHT = 100  # of 0–255: a windowed CT shows bone
_TONES = 16  # an image may hold as few in earnest
_OVERSHOOT = 25  # what interpolation adds to 0–255, at either end
_METAL = 3071  # Hounsfield units end here on most scanners; metal alone lies above
_FEW, _NEARLY_ALL = 0.05, 0.9  # shares of a scan
_DARK = 16  # of 0–255: fewer grey values show next to nothing
_DEPTH = (
    "bring it to the depth of the window (12 bits to 8: divide by 16; 16 bits to 8: by 257), or describe the data set with "
    "percentiles, or with a window of its numbers"
)
_OFFSET = "without the air that Hounsfield units have about -1000; if they are stored with an offset, mostly 1024, subtract it"


@dataclass(frozen=True)
class Intensity:
    """How a volume is scaled. "percentiles": those of its voxels become 0 and 255, as is usual for MR, whose numbers have no
    unit. "window": ``low`` and ``high`` become 0 and 255.

    Where ``low`` is negative these are Hounsfield units. A volume that lies in 0–255 is then taken as windowed before, for a CT
    holds air at −1000, and left as it is. Other numbers without air are refused, unless they may be a part of a CT.

    The window 0 to 255 is of 8-bit grey values, and numbers beyond them are refused. Any other window from 0 or above refuses a
    scan of which nearly all that is not black would be white."""

    kind: Literal["percentiles", "window"]
    low: float
    high: float

    def scale(self, voxels: np.ndarray, where: object) -> np.ndarray:
        """float32 in 0–255 of the same shape.

        CediceError, naming ``where``, for a volume without contrast, for one whose numbers are not those of the window, and
        for too little memory.
        """
        with within_memory(where):
            low, high = self.low, self.high
            if self.kind == "percentiles":
                low, high = np.percentile(voxels, (low, high))
                if low == high:
                    between = f"between the {self.low:g} and {self.high:g} percentile"
                    raise CediceError(f"{where}: every voxel {between} is {low:g}; there is no image in it")
                if _hidden(voxels, float(low), float(high)):
                    raise CediceError(
                        f"{where}: every voxel is near {low:g} or {high:g}, one of which seems to fill what was not measured "
                        "and hides the image; put a number of the image's own background in its place"
                    )
            elif told := self._refused(voxels):
                raise CediceError(f"{where}: {told}")
            elif self._windowed_before(voxels):
                return voxels.astype(np.float32)
            scaled = np.empty_like(voxels, np.float32)
            axis = _axis(voxels)
            for given, taken in zip(_planes(voxels, axis), _planes(scaled, axis), strict=True):
                taken[:] = np.clip((given.astype(np.float32) - low) * (255 / (high - low)), 0, 255)
            return scaled

    def doubt(self, voxels: np.ndarray) -> str:
        """ "" or a line on a volume that `scale` takes, though it may be something else than it is taken for."""
        if self.kind != "window":
            return ""
        lowest, highest, before = float(voxels.min()), float(voxels.max()), self._windowed_before(voxels)
        low, high = (0, 255) if before else (self.low, self.high)
        if self.low < 0 and not before and lowest > _AIR:
            return f"no air in it, its lowest number is {lowest:.4g}: taken as Hounsfield units of a part of the body; is it?"
        if 0 < highest < low + (high - low) * _DARK / 255:
            between = f"its numbers lie between {lowest:.4g} and {highest:.4g}"
            return f"{between}, nearly black where {low:g} to {high:g} are black to white; is it of another depth or scale?"
        return ""

    def _windowed_before(self, voxels: np.ndarray) -> bool:
        return self.low < 0 and bool(voxels.min() >= 0 and voxels.max() <= 255)

    def _refused(self, voxels: np.ndarray) -> str:
        """Why these cannot be the window's numbers, and what to do; "" if they can."""
        lowest, highest = float(voxels.min()), float(voxels.max())
        between = f"its numbers lie between {lowest:.4g} and {highest:.4g}"
        window = f"the window {self.low:g} to {self.high:g}"
        eight_bits = voxels.dtype == np.uint8  # windowed before, if dark
        if lowest == highest == 0:  # a slice that shows nothing
            told = ""
        elif lowest >= -1 and highest <= 1 and self.high > 2 and not eight_bits:
            told = f"{between}, so they were scaled, and {window} does not fit; multiply 0 to 1 by 255, or give it unscaled"
        elif (self.low, self.high) == (0, 255):
            fits = lowest >= -_OVERSHOOT and highest <= 255 + _OVERSHOOT
            told = "" if fits else f"{between}, but {window} is of 8-bit grey; {_DEPTH}"
        elif self.low >= 0:
            shown, white = _share(voxels, self.low), _share(voxels, self.high)
            told = f"{between}, nearly all beyond {window}; {_DEPTH}" if white > _NEARLY_ALL * shown else ""
        elif eight_bits:
            told = ""
        elif lowest <= _AIR and _share(voxels, _METAL) > _FEW:
            told = f"{between}, and Hounsfield units end at {_METAL}; give these, or describe the data set with percentiles"
        elif lowest <= _AIR:
            told = f"{between}, {_OFFSET}" if _only_padded(voxels, lowest) else ""
        elif highest - lowest < _FLAT:
            told = f"{between}, so they were standardised, and are no Hounsfield units; give it unscaled"
        elif lowest >= 0 and highest <= 255:
            told = f"{between}: too dark for 0 to 255, no air for Hounsfield units; give one of these" * (highest < _BRIGHT)
        elif lowest >= -_OVERSHOOT and highest <= 255 + _OVERSHOOT:
            told = (
                f"{between}: neither 0 to 255 nor, without air, Hounsfield units; clip it to 0 to 255 if it was windowed before"
            )
        elif lowest >= 0 or np.percentile(voxels, 95) > _DENSE:
            told = f"{between}, {_OFFSET}"
        else:
            told = ""
        return told


def _axis(voxels: np.ndarray) -> int:
    """Along which planes lie one after the other."""
    return int(np.argmax(np.abs(voxels.strides)))


def _planes(voxels: np.ndarray, axis: int) -> np.ndarray:
    """To be taken one by one, for memory's sake."""
    return np.moveaxis(voxels, axis, 0)[:, None]


def _share(voxels: np.ndarray, above: float) -> float:
    return sum(np.count_nonzero(plane > above) for plane in _planes(voxels, _axis(voxels))) / voxels.size


def _hidden(voxels: np.ndarray, low: float, high: float) -> bool:
    """Whether voxels of many values become nothing but black and white."""
    grey = (high - low) / 255
    planes = _planes(voxels, _axis(voxels))
    return not any(((plane > low + grey) & (plane < high - grey)).any() for plane in planes) and len(np.unique(voxels)) > _TONES


def _only_padded(voxels: np.ndarray, lowest: float) -> bool:
    """Whether what seems to be air is one number that scanners write outside their field of view, and the rest is too dense."""
    if lowest > _PADDING or any(((plane > lowest) & (plane <= _AIR)).any() for plane in voxels):
        return False
    rest = voxels[voxels > lowest]
    return bool(rest.size) and float(np.percentile(rest, 95)) > _DENSE
