"""Border distances against MONAI's and against values worked by hand; what becomes of empty regions."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance, compute_surface_dice
from scipy import ndimage

from cedice.evaluation import boundaries


def blobs(seed: int, size: int = 48) -> np.ndarray:
    noise = np.random.default_rng(seed).random((size, size))
    return ndimage.gaussian_filter(noise, 3) > 0.51


def monai(prediction: np.ndarray, truth: np.ndarray, spacing: tuple[float, float]) -> dict[str, float]:
    both = [torch.from_numpy(region)[None, None] for region in (prediction, truth)]
    found = {
        f"surface_dice_{tolerance}": compute_surface_dice(*both, [tolerance], include_background=True, spacing=spacing).item()
        for tolerance in boundaries.TOLERANCES
    }
    found["hd95"] = compute_hausdorff_distance(*both, include_background=True, percentile=95, spacing=spacing).item()
    assd = compute_average_surface_distance(*both, include_background=True, symmetric=True, spacing=spacing)
    return found | {"assd": assd.item()}


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (1.5, 0.7)])
@pytest.mark.parametrize("seed", range(5))
def test_they_agree_with_monai(seed, spacing):
    prediction, truth = blobs(seed), blobs(seed + 100)
    assert boundaries.measures(prediction, truth, spacing) == pytest.approx(monai(prediction, truth, spacing), abs=1e-5)


def test_two_squares_by_hand():
    # A square of 4×4 pixels, 12 of them border, moved two to the right. Of the moved border's columns 7, 8, 9, 10, rows 5 and 8
    # lie 0, 0, 1, 2 from the true border (columns 5–8); of rows 6 and 7, column 7 lies 1 from column 8, column 10 lies 2.
    truth = np.zeros((20, 20), bool)
    truth[5:9, 5:9] = True
    moved = np.roll(truth, 2, axis=1)
    there, back = boundaries.distances(moved, truth, (1.0, 1.0))
    assert sorted(there) == sorted([0, 0, 1, 2] * 2 + [1, 1] + [2, 2])
    assert sorted(back) == sorted(there)
    found = boundaries.measures(moved, truth)
    assert found["surface_dice_1"] == pytest.approx(8 / 12)
    assert found["surface_dice_2"] == 1
    assert found["hd95"] == pytest.approx(2)
    assert found["assd"] == pytest.approx(12 / 12)
    assert boundaries.measures(moved, truth, (1.0, 0.5))["hd95"] == pytest.approx(1)


@given(st.integers(0, 1000))
def test_they_are_symmetric_and_perfect_for_equal_regions(seed):
    first, second = blobs(seed), blobs(seed + 1)
    assert boundaries.measures(first, second) == pytest.approx(boundaries.measures(second, first))
    assert boundaries.measures(first, first) == dict(zip(boundaries.MEASURES, [1, 1, 1, 0, 0], strict=True))


def test_empty_regions():
    region, empty = blobs(0), np.zeros((48, 48), bool)
    for pair in ((region, empty), (empty, region)):
        assert boundaries.measures(*pair) == dict(zip(boundaries.MEASURES, [0, 0, 0, math.inf, math.inf], strict=True))
    assert all(math.isnan(value) for value in boundaries.measures(empty, empty).values())


def test_millimetres_where_the_slices_have_them():
    place = {"spacing_unit": "mm", "spacing_rows": 1.5, "spacing_columns": 1.0, "native_height": 128, "native_width": 512}
    assert boundaries.pixel_size(place, (256, 256)) == ((0.75, 2.0), "mm")
    assert boundaries.pixel_size(place | {"spacing_unit": "unknown"}, (256, 256)) == ((1.0, 1.0), "pixel")


def test_the_table_has_a_row_for_each_slice_and_class():
    index = pd.DataFrame({"slice": ["a", "b"], "volume": "v", "patient": "p", "spacing_unit": None})
    masks = np.stack([blobs(1) + 0, 2 * blobs(2)]).astype(np.uint8)
    found = boundaries.table(masks, masks, index, 3)
    assert found[["slice", "class"]].to_numpy().tolist() == [["a", 1], ["a", 2], ["b", 1], ["b", 2]]
    assert found["surface_dice_1"].isna().to_list() == [False, True, True, False]


def test_errors_by_distance_by_hand():
    truth = np.zeros((3, 9, 50), np.uint8)
    truth[0, :, 40:] = 1  # a border between columns 39 and 40; ten columns inside
    truth[1] = 1  # no border, left out, as is the empty third
    found = boundaries.error_profile(np.zeros_like(truth), truth).set_index("distance")
    assert found["pixels"].sum() == 9 * 50
    assert found.loc[[-1, -10, -11, 1, 19], "pixels"].to_list() == [9, 9, 0, 9, 9]
    assert found.loc[boundaries.REACH, "pixels"] == 9 * 21  # 20 pixels away and more
    assert found["errors"].to_list() == [0] * 10 + [9] * 10 + [0] * 20
    assert 0 not in found.index
