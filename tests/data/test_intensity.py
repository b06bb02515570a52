"""Grey values from a scan's own numbers; and numbers that cannot be the window's, with what to do about them."""

import numpy as np
import pytest

from cedice.data.intensity import Intensity
from cedice.errors import CediceError

CHEST, RANDOM = Intensity("window", -1250, 250), np.random.default_rng(0)


def chest(noise: float = 25) -> np.ndarray:
    """Hounsfield units (40, 40, 6): air, soft tissue, lungs, some bone."""
    hu = np.full((40, 40, 6), -1000.0)
    hu[5:35, 3:37] = 40
    hu[10:30, 6:16] = hu[10:30, 24:34] = -850
    hu[18:20, 19:21] = 900
    return np.clip(hu + RANDOM.normal(0, noise, hu.shape), -1024, 3000).round()


HU = chest()
GREY = np.clip((HU + 1250) * (255 / 1500), 0, 255)
LIVER = np.clip(RANDOM.normal(60, 40, (20, 20, 6)), -83, 400).round()  # a crop: liver, vessels, some fat
TAKEN = {
    "Hounsfield units": (HU.astype(np.int16), GREY, ""),
    "padded with -2000": (np.where(HU < -1000, -2000, HU), np.where(HU < -1000, 0, GREY), ""),
    "masked": (np.where(HU < -700, -1024, HU), np.where(HU < -700, 226 * 255 / 1500, GREY), ""),
    "windowed, whole numbers": (GREY.round().astype(np.uint8), GREY.round(), ""),
    "windowed, float": (GREY.astype(np.float32), GREY, ""),
    "a dark 8-bit picture": (np.array([[0, 3, 60]], np.uint8), np.array([[0, 3, 60]]), ""),
    "a crop without air": (LIVER.astype(np.int16), np.clip((LIVER + 1250) * (255 / 1500), 0, 255), "no air in it, its lowest"),
    "nothing": (np.zeros((4, 4, 2), np.int16), np.zeros((4, 4, 2)), ""),
}
UNSIGNED = "if they are stored with an offset, mostly 1024, subtract it"
REFUSED = {
    "scaled to 0-1": (GREY / 255, "they were scaled, and the window -1250 to 250 does not fit; multiply 0 to 1 by 255"),
    "scaled to 0-1, whole numbers": ((GREY > 100).astype(np.int16), "they were scaled"),
    "scaled to -1-1": (GREY / 127.5 - 1, "they were scaled"),
    "scaled to 0-1, with overshoot": (GREY / 240 - 0.02, "standardised, and are no Hounsfield units"),
    "standardised": ((HU - HU.mean()) / HU.std(), "standardised, and are no Hounsfield units"),
    "unsigned, HU + 1024": ((HU + 1024).astype(np.uint16), UNSIGNED),
    "HU + 1000, so air about 0": ((HU + 1000).astype(np.int16), UNSIGNED),
    "HU + 1024, padded with -2000": (np.where(HU < -990, -2000, HU + 1024).astype(np.int16), UNSIGNED),
    "12-bit raw": (np.clip((HU + 1024) * 1.5, 0, 4095).astype(np.int16), UNSIGNED),
    "0-100": (GREY * (90 / 255), "too dark for 0 to 255, no air for Hounsfield units"),
    "0-255 with overshoot": (GREY * 1.02 - 3, "clip it to 0 to 255 if it was windowed before"),
}


@pytest.mark.parametrize("name", TAKEN)
def test_what_may_be_the_windows_numbers_is_scaled_right(name):
    voxels, grey, doubt = TAKEN[name]
    scaled = CHEST.scale(voxels, "scan")
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled, grey, atol=1e-3)
    assert CHEST.doubt(voxels).startswith(doubt)
    assert bool(CHEST.doubt(voxels)) == bool(doubt)


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_is_refused_with_what_to_do(name):
    voxels, line = REFUSED[name]
    with pytest.raises(CediceError) as caught:
        CHEST.scale(voxels, "scan")
    assert str(caught.value).startswith("scan: its numbers lie between ")
    assert line in str(caught.value)


def test_other_rules_ask_only_what_they_must():
    """A window from 0 says nothing of air; percentiles fit all numbers."""
    with pytest.raises(CediceError, match="the window 0 to 255 does not fit"):
        Intensity("window", 0, 255).scale(GREY / 255, "scan")
    np.testing.assert_allclose(Intensity("window", 0, 2).scale(np.array([[0, 0.5, 1]]), ""), [[0, 63.75, 127.5]])
    np.testing.assert_allclose(
        Intensity("window", 0, 400).scale(HU + 1024, ""), np.clip((HU + 1024) * (255 / 400), 0, 255), atol=1e-3
    )
    np.testing.assert_allclose(
        Intensity("window", 0, 80).scale(np.clip(HU, 0, 80), ""), np.clip(HU, 0, 80) * 255 / 80, atol=1e-3
    )
    rule = Intensity("percentiles", 0, 100)
    np.testing.assert_allclose(rule.scale(GREY / 255, ""), rule.scale(GREY, ""), atol=1e-2)
    assert not rule.doubt(LIVER)


EIGHT = Intensity("window", 0, 255)
DISC = np.clip(RANDOM.normal(50 + 110 * (np.hypot(*np.mgrid[-1:1:40j, -1:1:40j]) < 0.4), 14), 1, 255).round()
OF_ANOTHER_DEPTH = {
    "12 bits": (EIGHT, (DISC * 16).astype(np.uint16)),
    "16 bits": (EIGHT, (DISC * 257).astype(np.uint16)),
    "12 bits in a volume": (EIGHT, (DISC * 16).astype(np.int16)[:, :, None]),
    "Hounsfield units": (EIGHT, HU.astype(np.int16)),
    "16 bits for a window of 12": (Intensity("window", 0, 4095), (DISC * 257).astype(np.uint16)),
    "signed by mistake": (CHEST, (DISC * 257 - 32768).astype(np.int16)),
}


@pytest.mark.parametrize("name", OF_ANOTHER_DEPTH)
def test_numbers_of_another_depth_are_refused_with_both_ranges(name):
    rule, voxels = OF_ANOTHER_DEPTH[name]
    with pytest.raises(CediceError) as caught:
        rule.scale(voxels, "scan")
    line = str(caught.value)
    assert f"scan: its numbers lie between {voxels.min():.4g} and {voxels.max():.4g}" in line
    assert ("3071" if rule is CHEST else f"the window 0 to {rule.high:g}") in line
    assert "describe the data set with percentiles" in line


def test_numbers_that_show_next_to_nothing_are_doubted():
    """A slice may be dark, so it is scaled all the same; one that shows nothing, or fits, is no line."""
    for rule, voxels in (
        (EIGHT, (DISC > 100).astype(np.uint8)),
        (EIGHT, (DISC / 16).astype(np.uint8)),
        (CHEST, (DISC / 16).astype(np.uint8)),
        (Intensity("window", 0, 65535), (DISC * 16).astype(np.uint16)),
    ):
        assert "nearly black" in rule.doubt(voxels)
        assert rule.scale(voxels, "scan").max() < 17
    for voxels in (DISC.astype(np.uint8), np.zeros((9, 9), np.uint8), np.clip(DISC * 1.05 - 5, -20, 270)):
        assert EIGHT.doubt(voxels) == ""
        np.testing.assert_allclose(EIGHT.scale(voxels, "scan"), np.clip(voxels, 0, 255), atol=1e-4)


def test_planes_are_scaled_as_the_whole_whatever_their_order_in_memory():
    rule = Intensity("percentiles", 0.5, 99.5)
    low, high = np.percentile(HU, (0.5, 99.5))
    whole = np.clip((HU.astype(np.float32) - low) * (255 / (high - low)), 0, 255).astype(np.float32)
    for voxels in (HU, np.asfortranarray(HU), HU.astype(np.int16)):
        np.testing.assert_array_equal(rule.scale(voxels, ""), whole)
    np.testing.assert_array_equal(rule.scale(HU.T, ""), whole.T)


@pytest.mark.parametrize("fill", [1e30, -1e30, 1e7])
def test_a_fill_value_that_hides_the_image_is_refused(fill):
    rule = Intensity("percentiles", 0.5, 99.5)
    voxels = RANDOM.normal(400, 90, (30, 30, 3)).astype(np.float32)
    before = rule.scale(voxels, "scan")
    assert before[10:20].std() > 20
    voxels[:3] = fill
    with pytest.raises(CediceError, match=r"scan: every voxel is near .* and hides the image"):
        rule.scale(voxels, "scan")


def test_an_image_of_two_values_is_no_hidden_one():
    voxels = RANDOM.choice([-1000.0, 1000.0], (9, 9, 3))
    np.testing.assert_array_equal(Intensity("percentiles", 0.5, 99.5).scale(voxels, "scan"), (voxels > 0) * 255)
