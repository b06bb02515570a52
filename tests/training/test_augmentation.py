"""Augmentation: image and mask move together, by as much as was drawn; the draws follow from seed, epoch and slice."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

from cedice.training.augmentation import Augmentation, draws

NOTHING = Augmentation(rotation=0, scale=(1, 1), gamma=(1, 1), share=1, mirror=())
EVERYTHING = Augmentation(rotation=180, scale=(0.7, 1.4), gamma=(0.7, 1.5), share=0.8, mirror=("vertical", "horizontal"))


def drawn(count: int, seed: int = 0) -> torch.Tensor:
    return draws(count, torch.Generator().manual_seed(seed))


def batch(size: int, count: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    grey = torch.randint(0, 256, (count, 1, size, size), generator=torch.Generator().manual_seed(1))
    return grey / 255, (grey[:, 0] % 4).to(torch.uint8)


@pytest.mark.parametrize("size", [16, 17])
def test_the_identity_changes_no_bit(size):
    image, mask = batch(size)
    for augmentation in (NOTHING, replace(EVERYTHING, share=1e-9, mirror=())):
        after, labels = augmentation(image, mask, drawn(4))
        assert torch.equal(after, image)
        assert torch.equal(labels, mask)
        assert labels.dtype == torch.uint8
        assert after.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(("axis", "dim", "column"), [("vertical", -2, 3), ("horizontal", -1, 4)])
def test_half_of_the_slices_are_mirrored_and_exactly(axis, dim, column):
    image, mask = batch(9, 50)
    rows = drawn(50)
    after, labels = replace(NOTHING, mirror=(axis,))(image, mask, rows)
    chosen = rows[:, column] < 0.5
    assert 10 < chosen.sum() < 40
    assert torch.equal(after[chosen], image[chosen].flip(dim))
    assert torch.equal(labels[chosen], mask[chosen].flip(dim))
    assert torch.equal(after[~chosen], image[~chosen])


@pytest.mark.parametrize("size", [16, 17, 160])
@pytest.mark.parametrize("quarter", [-1, 1])
def test_a_rotation_by_90_degrees_is_pytorchs_rot90(size, quarter):
    image, mask = batch(size)
    ends = torch.full((4, 5), 0.75 if quarter == 1 else 0.25)  # of ±180°: half of either way
    after, labels = replace(NOTHING, rotation=180)(image, mask, ends)
    torch.testing.assert_close(after, torch.rot90(image, quarter, (2, 3)), atol=1e-4, rtol=0)
    assert torch.equal(labels, torch.rot90(mask, quarter, (1, 2)))


def test_scale_enlarges_what_is_seen_about_the_centre():
    """A disc of radius 10 becomes one of radius 14, in image and mask."""
    y, x = torch.meshgrid(*2 * [torch.arange(64) - 31.5], indexing="ij")
    disc = y**2 + x**2 < 100
    larger = y**2 + x**2 < 196
    image, mask = disc.float().view(1, 1, 64, 64), disc.to(torch.uint8).unsqueeze(0)
    after, labels = replace(NOTHING, scale=(1.4, 1.4))(image, mask, drawn(1))
    assert (labels[0].bool() != larger).sum() < 0.05 * larger.sum()
    assert ((after[0, 0] >= 0.5) != labels[0].bool()).sum() < 0.05 * larger.sum()


def test_image_and_mask_move_together_and_no_label_is_invented():
    """Of an image that is its mask's grey, the augmented mask is the augmented image but within a pixel of a border."""
    y, x = torch.meshgrid(*2 * [torch.arange(64)], indexing="ij")
    mask = (2 * (y > 20) + 2 * (x > 30)).to(torch.uint8).expand(20, 64, 64)
    image = mask.unsqueeze(1) / 4
    after, labels = replace(EVERYTHING, gamma=(1, 1))(image, mask, drawn(20))
    assert set(labels.unique().tolist()) <= {0, 2, 4}
    assert ((4 * after[:, 0] - labels).abs() > 1.01).double().mean() < 0.03
    assert (labels != mask).any()


def test_gamma_keeps_black_and_white_and_their_order():
    image = torch.linspace(0, 1, 256).view(1, 1, 16, 16).expand(30, 1, 16, 16)
    after, labels = replace(NOTHING, gamma=(0.7, 1.5))(image, torch.zeros(30, 16, 16, dtype=torch.uint8), drawn(30))
    assert not labels.any()
    assert not after[:, 0, 0, 0].any()
    assert (after[:, 0, -1, -1] == 1).all()
    assert (after.flatten(1).diff() > 0).all()
    powers = replace(NOTHING, gamma=(0.7, 1.5)).amounts(drawn(30))[2]
    torch.testing.assert_close(after[:, 0, 8, 0], (128 / 255) ** powers)


def test_amounts_are_spread_as_stated():
    """Kolmogorov–Smirnov against the stated distributions; a share of the slices, and independently."""
    turn, scale, gamma = (amount.double().numpy() for amount in EVERYTHING.amounts(drawn(5000)))
    for amount, neutral, low, high in ((turn, 0, -math.pi, math.pi), (np.log(scale), 0, *np.log((0.7, 1.4)))):
        used = amount[amount != neutral]
        assert len(used) / 5000 == pytest.approx(0.8, abs=0.02)
        assert stats.kstest(used, stats.uniform(low, high - low).cdf).pvalue > 0.01
    assert 0.7 <= gamma.min() < 0.72
    assert 1.46 < gamma.max() <= 1.5
    assert np.mean((turn != 0) & (scale != 1) & (gamma != 1)) == pytest.approx(0.8**3, abs=0.02)


def test_a_slice_gets_the_same_whatever_the_order_and_the_batch():
    image, mask = batch(32, 12)
    rows = drawn(12)
    whole, labels = EVERYTHING(image, mask, rows)
    order = torch.randperm(12, generator=torch.Generator().manual_seed(2))
    for part in order.split(5):
        some, some_labels = EVERYTHING(image[part], mask[part], rows[part])
        assert torch.equal(some, whole[part])
        assert torch.equal(some_labels, labels[part])
    assert not torch.equal(drawn(12), drawn(12, seed=1))


def test_an_empty_share_of_a_batch_stays_empty():
    after, labels = EVERYTHING(torch.zeros(0, 1, 8, 8), torch.zeros(0, 8, 8, dtype=torch.uint8), drawn(0))
    assert after.shape == (0, 1, 8, 8)
    assert labels.shape == (0, 8, 8)


def test_slices_that_are_not_square_are_refused():
    with pytest.raises(ValueError, match="square"):
        EVERYTHING(torch.zeros(1, 1, 8, 9), torch.zeros(1, 8, 9, dtype=torch.uint8), drawn(1))
