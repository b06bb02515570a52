"""Grids in mm: centre, size and shape hold both ways, by independent resamplers."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage
from torch.nn import functional

from cedice.data.grid import Grid, pixel_size
from cedice.data.slices import flat, shaped
from cedice.errors import CediceError

LENGTHS, PIXELS = st.integers(1, 300), st.floats(0.5, 3)


@given(LENGTHS, PIXELS, st.sampled_from([16, 64, 160]), st.sampled_from([1.0, 1.5, "native"]))
@settings(max_examples=60)
def test_a_constant_stays_one_within_the_slice_and_is_0_beyond(length, pixel, size, spacing):
    grid = Grid(size, spacing)
    onto, back = grid.onto(length, pixel), grid.back(length, pixel)
    assert onto.shape == (size, length)
    assert back.shape == (length, size)
    for weights, there in ((onto, grid.nearest(length, pixel) >= 0), (back, None)):
        sums = weights.sum(axis=1)
        assert np.allclose(sums[sums > 0], 1, atol=1e-5)
        if there is not None:
            np.testing.assert_array_equal(sums > 0, there)


@given(LENGTHS, st.integers(1, 120))
@settings(max_examples=60)
def test_native_pads_or_crops_and_comes_back_exactly(length, size):
    grid, image = Grid(size, "native"), np.random.default_rng(length).integers(0, 256, (length, length)).astype(np.uint8)
    on = grid.image(image.astype(np.float32), (1, 1))
    np.testing.assert_array_equal(on, grid.labels(image, (1, 1)))
    rows = grid.back(length, 1)
    again = rows @ on.astype(np.float32) @ rows.T
    kept = rows.sum(axis=1) > 0
    assert kept.sum() == min(length, size)
    np.testing.assert_array_equal(again[np.ix_(kept, kept)], image[np.ix_(kept, kept)])
    before, after = np.flatnonzero(kept)[0], length - 1 - np.flatnonzero(kept)[-1]
    assert abs(int(before) - int(after)) <= 1


@given(st.integers(20, 300), PIXELS, st.sampled_from([64, 160]))
@example(21, 1.5, 64)
@settings(max_examples=60)
def test_a_place_in_mm_stays_where_it_is_about_the_centre(length, pixel, size):
    """The weights of a pixel have their centre of mass where the pixel is, in mm from the middle, but at the edges. Pixels as
    wide as the grid's are copied, so that an odd slice on an even grid is off by half a pixel."""
    grid = Grid(size, 1.5)
    copied = pixel / 2 if pixel == 1.5 and (length - size) % 2 else 0
    ours = (np.arange(size) + 0.5 - size / 2) * 1.5
    theirs = (np.arange(length) + 0.5 - length / 2) * pixel
    for weights, to, of, reach in (
        (grid.onto(length, pixel), ours, theirs, 1.5),
        (grid.back(length, pixel), theirs, ours, pixel),
    ):
        inner = np.abs(to) < min(np.abs(of).max(), np.abs(to).max()) - 2 * max(reach, pixel, 1.5)
        step = reach / (pixel if of is theirs else 1.5)
        error = np.abs(weights[inner] @ of - to[inner])
        assert (error < copied + (1e-4 if step <= 1 else 0.25 * reach)).all()


@pytest.mark.parametrize(("length", "size", "spacing"), [(120, 80, 1.5), (80, 120, 2 / 3), (100, 100, 1.0)])
def test_whole_fields_are_what_pillow_and_pytorch_make(length, size, spacing):
    image = np.random.default_rng(0).uniform(0, 255, (length, length)).astype(np.float32)
    grid = Grid(size, spacing)
    rows = grid.onto(length, 1.0)
    found = rows @ image @ rows.T
    pillow = np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR))
    np.testing.assert_allclose(found, pillow, atol=1e-2)
    pytorch = functional.interpolate(torch.from_numpy(image)[None, None], (size, size), mode="bilinear", antialias=True)
    np.testing.assert_allclose(found, pytorch[0, 0].numpy(), atol=1e-2)


def test_parts_of_a_field_are_what_scipy_makes():
    """Enlarged, so that plain linear interpolation is the oracle."""
    image = np.random.default_rng(1).uniform(0, 255, (50, 41)).astype(np.float32)
    step = 0.9 / 1.4
    offset = [(length / 2) + (0.5 - 32) * step - 0.5 for length in image.shape]
    expected = ndimage.affine_transform(image, [step, step], offset, (64, 64), order=1, mode="nearest")
    found = Grid(64, 0.9).image(image, (1.4, 1.4))
    inside = found > 0
    assert inside.mean() > 0.5
    assert np.abs(found[inside] - expected[inside]).max() <= 1


def test_pixels_need_a_size_in_mm():
    place = {"spacing_unit": "micron", "spacing_rows": 1500.0, "spacing_columns": 700.0}
    assert pixel_size(Grid(64, 1.5), place, "a") == pytest.approx((1.5, 0.7))
    assert pixel_size(Grid(64, "native"), place | {"spacing_unit": ""}, "a") == (1, 1)
    for change in ({"spacing_unit": "unknown"}, {"spacing_rows": None}, {"spacing_rows": float("nan")}):
        with pytest.raises(CediceError, match=r"^heart\.nii: its header does not say"):
            pixel_size(Grid(64, 1.5), place | change, "heart.nii")


def test_maps_of_many_shapes_are_kept_in_one_row():
    maps = [np.arange(height * width, dtype=np.uint8).reshape(height, width) for height, width in ((2, 3), (1, 4), (5, 1))]
    index = pd.DataFrame([each.shape for each in maps], columns=["native_height", "native_width"])
    for one, other in zip(maps, shaped(flat(maps), index, "a"), strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(CediceError, match=r"^a\.npz: \(14,\) pixels for slices of 15"):
        shaped(flat(maps)[1:], index, "a.npz")
