"""Volumes by hand; surface Dice and HD95 in three dimensions against MONAI's."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from monai.metrics import HausdorffDistanceMetric, SurfaceDiceMetric
from scipy import ndimage

from cedice.evaluation import volumes

SIZE = (8.0, 1.5, 1.2)  # mm


def index(
    slices: int, volume: str = "v", patient: str = "p", unit: str = "mm", shape: tuple[int, int] = (40, 48)
) -> pd.DataFrame:
    place = {"volume": volume, "patient": patient, "frame": "frame01", "spacing_unit": unit, "spacing_slices": SIZE[0]}
    place |= {"spacing_rows": SIZE[1], "spacing_columns": SIZE[2], "native_height": shape[0], "native_width": shape[1]}
    return pd.DataFrame([place] * slices)


def blobs(seed: int) -> np.ndarray:
    return ndimage.gaussian_filter(np.random.default_rng(seed).random((7, 40, 48)), (1, 3, 3)) > 0.507


@pytest.mark.parametrize("seed", range(4))
def test_borders_agree_with_monai_in_three_dimensions(seed):
    prediction, truth = blobs(seed), blobs(seed + 50)
    both = [torch.from_numpy(region)[None, None] for region in (prediction, truth)]
    surface = SurfaceDiceMetric([volumes.TOLERANCE], include_background=True)
    hausdorff = HausdorffDistanceMetric(include_background=True, percentile=95)
    found = volumes.table(prediction.astype(np.uint8), truth.astype(np.uint8), index(7), 2).iloc[0]
    assert found["surface_dice"] == pytest.approx(surface(*both, spacing=SIZE).item(), abs=1e-6)
    assert found["hd95"] == pytest.approx(hausdorff(*both, spacing=SIZE).item(), rel=1e-5)


def test_two_volumes_by_hand():
    """Boxes of 2 × 3 × 4 voxels of 14.4 mm³; the second volume lacks class 1 in the prediction and class 2 in both."""
    masks = np.zeros((6, 40, 48), np.uint8)
    masks[0:2, 5:8, 5:9] = masks[4:6, 5:8, 5:9] = 1
    masks[2:3, 20:22, 20:22] = 2
    labels = masks.copy()
    labels[4:6] = 0
    labels[1, 8, 5:9] = 1  # a row more, 1.5 mm away from the border
    labels[2:3, 20:22, 20:23] = 2  # a column more, 1.2 mm away
    places = pd.concat([index(3), index(3, "w", "q")], ignore_index=True)
    found = volumes.table(labels, masks, places, 3).set_index(["volume", "class"])
    assert found["truth"].to_list() == [24, 4, 24, 0]
    assert found["predicted"].to_list() == [28, 6, 0, 0]
    assert found["voxel_ml"].to_list() == pytest.approx([0.0144] * 4)
    assert found["surface_dice"].to_list()[:3] == [1, 1, 0]
    assert found.loc[("v", 2), "hd95"] == pytest.approx(1.2)
    assert found.loc[("w", 1), "hd95"] == pytest.approx(math.sqrt(24**2 + 60**2 + 57.6**2))
    assert found.loc[("w", 2), ["surface_dice", "hd95"]].isna().all()
    assert found["patient"].to_list() == ["p", "p", "q", "q"]


@pytest.mark.parametrize("changed", [{"spacing_unit": "unknown"}, {"spacing_slices": math.nan}])
def test_without_a_size_there_are_voxels_only(changed):
    region = blobs(1).astype(np.uint8)
    found = volumes.table(region, region, index(7).assign(**changed), 2).iloc[0]
    assert found["truth"] == found["predicted"] == region.sum()
    assert found[["voxel_ml", "surface_dice", "hd95"]].isna().all()


def test_a_resized_slice_has_the_pixels_of_its_grid():
    region = np.ones((7, 20, 96), np.uint8)
    found = volumes.table(region, region, index(7), 2).iloc[0]
    assert found["voxel_ml"] * found["truth"] == pytest.approx(7 * 8 * 40 * 1.5 * 48 * 1.2 / 1000)
