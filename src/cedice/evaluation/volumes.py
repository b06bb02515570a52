"""What a volume's label maps say in three dimensions: voxels of every class, surface Dice and 95 % Hausdorff distance in mm.

The slices of a volume are stacked as they stand in the index. The border of a region is its voxels with a 6-neighbour outside;
surface Dice at 2 mm and HD95 follow from the distances in mm between the two borders as in `cedice.evaluation.boundaries`. A
class that one of the two maps lacks has a surface Dice of 0 and the volume's diagonal as its HD95; one that both lack has
neither (NaN), and so has every class where a voxel's size in mm is not known.

Layout of `reports/<study>/volumes/<data set>/<loss>-seed<n>.csv`: volume, patient, frame, class (from 1), voxel_ml (NaN where
it is not known), truth and predicted (voxels), surface_dice (at 2 mm), hd95 (mm).
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from cedice.evaluation.boundaries import distances, pixel_size

TOLERANCE = 2.0  # mm
MILLILITRE = 1000.0  # mm³


Maps = np.ndarray | Sequence[np.ndarray]  # of slices, (H, W) integers


def table(labels: Maps, masks: Maps, index: pd.DataFrame, classes: int) -> pd.DataFrame:
    """The layout above, a row per volume and foreground class, of the slices in ``index``."""
    rows = []
    for volume, numbers in index.reset_index(drop=True).groupby("volume", sort=False).groups.items():
        place = index.iloc[numbers[0]].to_dict()
        maps = [np.stack([source[number] for number in numbers]) for source in (labels, masks)]
        size = voxel_size(place, maps[0].shape[1:])
        keys = {"volume": volume, "patient": place["patient"], "frame": place["frame"]}
        voxel = math.prod(size) / MILLILITRE if size else math.nan
        for label in range(1, classes):
            prediction, truth = (source == label for source in maps)
            sums = {"voxel_ml": voxel, "truth": int(truth.sum()), "predicted": int(prediction.sum())}
            rows.append(keys | {"class": label} | sums | borders(prediction, truth, size))
    return pd.DataFrame(rows)


def voxel_size(place: dict[str, Any], shape: tuple[int, ...]) -> tuple[float, float, float] | None:
    """Size of a voxel in mm, between slices, rows and columns, from a slice's row of the index; None where it is not known."""
    (rows, columns), unit = pixel_size(place, (shape[0], shape[1]))
    return (place["spacing_slices"], rows, columns) if unit == "mm" and math.isfinite(place["spacing_slices"]) else None


def borders(prediction: np.ndarray, truth: np.ndarray, size: tuple[float, ...] | None) -> dict[str, float]:
    """surface_dice and hd95 as the module says, of one region, bool, in a volume (D, H, W) or an image (H, W); ``size`` of a
    voxel along the axes, in the unit of the tolerance and the distances, None where it is not known."""
    if size is None or not (prediction.any() or truth.any()):
        return {"surface_dice": math.nan, "hd95": math.nan}
    if not (prediction.any() and truth.any()):
        return {"surface_dice": 0.0, "hd95": math.hypot(*(np.array(truth.shape) * size))}
    there, back = distances(prediction, truth, size)
    near = (np.concatenate([there, back]) <= TOLERANCE).mean()
    return {"surface_dice": float(near), "hd95": float(max(np.percentile(there, 95), np.percentile(back, 95)))}
