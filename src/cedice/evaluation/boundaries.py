"""How far the border of a predicted region lies from the true one: surface Dice, 95 % Hausdorff distance, mean distance.

The border of a region is its pixels with a 4-neighbour outside (the image's edge is outside). From every border pixel of
one region the Euclidean distance to the nearest border pixel of the other is taken, both ways; with these distances
  surface Dice at τ    share of the pixels of both borders at most τ away from the other (Nikolov et al., arXiv 1809.04430)
  HD95                 the larger of the two 95th percentiles
  ASSD                 the mean over the pixels of both borders.
A region that is empty in one map alone has a surface Dice of 0 and infinite distances; empty in both, it has no value (NaN).
"""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from scipy import ndimage

TOLERANCES = (1, 2, 3)  # in the unit of the distances
REACH = 20  # pixels to either side of a border that errors are told apart
MEASURES = (*(f"surface_dice_{tolerance}" for tolerance in TOLERANCES), "hd95", "assd")


def distances(first: np.ndarray, second: np.ndarray, spacing: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    """From each border pixel of one region, (H, W) bool, to the other's border, and back; neither may be empty. Volumes,
    (D, H, W) bool, have voxels, and 6 neighbours.

    ``spacing``: size of a pixel along the axes; the distances are in its unit.
    """
    box = tuple(slice(axis.min(), axis.max() + 1) for axis in np.nonzero(first | second))  # all borders lie inside
    borders = [region[box] & ~ndimage.binary_erosion(region[box]) for region in (first, second)]
    maps = [ndimage.distance_transform_edt(~border, sampling=spacing) for border in borders]
    return maps[1][borders[0]], maps[0][borders[1]]


def measures(prediction: np.ndarray, truth: np.ndarray, spacing: tuple[float, float] = (1.0, 1.0)) -> dict[str, float]:
    """The `MEASURES` of one region in one slice; (H, W) bool both, ``spacing`` as in `distances`."""
    if not (prediction.any() and truth.any()):
        none = prediction.any() == truth.any()  # then empty in both
        surface, distance = (math.nan, math.nan) if none else (0.0, math.inf)
        return dict(zip(MEASURES, [surface] * len(TOLERANCES) + [distance] * 2, strict=True))
    there, back = distances(prediction, truth, spacing)
    both = np.concatenate([there, back])
    found = {f"surface_dice_{tolerance}": float((both <= tolerance).mean()) for tolerance in TOLERANCES}
    return found | {"hd95": float(max(np.percentile(there, 95), np.percentile(back, 95))), "assd": float(both.mean())}


def table(labels: Iterable[np.ndarray], masks: Iterable[np.ndarray], index: pd.DataFrame, classes: int) -> pd.DataFrame:
    """One row per slice and foreground class: slice, volume, patient, class, unit, `MEASURES`.

    labels, masks: (H, W) integer maps of the slices in ``index`` (the layout of `cedice.data.slices`). Distances are in
    mm where the slices' voxels have a size in mm, else in pixels of the resized slice.
    """
    rows = []
    for prediction, truth, place in zip(labels, masks, index.to_dict("records"), strict=True):
        spacing, unit = pixel_size(place, truth.shape)
        for label in range(1, classes):
            keys = {name: place[name] for name in ("slice", "volume", "patient")} | {"class": label, "unit": unit}
            rows.append(keys | measures(prediction == label, truth == label, spacing))
    return pd.DataFrame(rows)


def error_profile(labels: Iterable[np.ndarray], masks: Iterable[np.ndarray]) -> pd.DataFrame:
    """Wrong pixels by their distance to the border of the true foreground (all classes together).

    labels, masks: (H, W) integer maps. One row per distance from −`REACH` (inside) to `REACH`, without 0: distance, pixels,
    errors. The distance of a pixel is that to the nearest one on the other side, in pixels, rounded up; the outermost rows hold
    all that is farther. Slices without a border are left out.
    """
    pixels, errors = (np.zeros(2 * REACH + 1, np.int64) for _ in range(2))
    for prediction, truth in zip(labels, masks, strict=True):
        inside = truth > 0
        if inside.all() or not inside.any():
            continue
        signed = np.where(inside, -ndimage.distance_transform_edt(inside), ndimage.distance_transform_edt(~inside))
        place = np.clip(np.sign(signed) * np.ceil(np.abs(signed)), -REACH, REACH).astype(int) + REACH
        pixels += np.bincount(place.ravel(), minlength=len(pixels))
        errors += np.bincount(place[prediction != truth], minlength=len(pixels))
    found = pd.DataFrame({"distance": np.arange(-REACH, REACH + 1), "pixels": pixels, "errors": errors})
    return found[found["distance"] != 0].reset_index(drop=True)


def pixel_size(place: dict[str, Any], shape: tuple[int, int]) -> tuple[tuple[float, float], str]:
    """Size of a pixel of a resized slice, rows then columns, and its unit, from the slice's row of the index table."""
    if place["spacing_unit"] != "mm":
        return (1.0, 1.0), "pixel"
    height, width = shape
    rows = place["spacing_rows"] * place["native_height"] / height
    return (rows, place["spacing_columns"] * place["native_width"] / width), "mm"
