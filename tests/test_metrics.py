"""Equations 1 to 3 from counts, against MONAI, against plain pixel comparison, and for their identities."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.metrics import compute_dice, compute_iou
from torch.nn import functional

from cedice.metrics import confusion_counts, dice, headline, iou, pixel_error, region_counts


def maps(seed: int, classes: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, classes, (2, 5, 13, 11), generator=generator).unbind()


def test_counts_by_hand():
    prediction, target = torch.tensor([[[0, 1, 2, 2]]]), torch.tensor([[[0, 1, 1, 2]]])
    tp, fp, fn = region_counts(prediction, target, 4)
    assert tp.tolist() == [[1, 1, 1, 0]]
    assert fp.tolist() == [[0, 0, 1, 0]]
    assert fn.tolist() == [[0, 1, 0, 0]]
    assert dice(tp, fp, fn)[0, :3].tolist() == pytest.approx([1, 2 / 3, 2 / 3])
    assert iou(tp, fp, fn)[0, :3].tolist() == pytest.approx([1, 1 / 2, 1 / 2])
    assert pixel_error(tp, fp, fn).tolist() == [1 / 4]


@pytest.mark.parametrize("seed", range(3))
def test_dice_and_iou_agree_with_monai(seed):
    prediction, target = maps(seed)
    hot = [functional.one_hot(labels, 4).movedim(-1, 1) for labels in (prediction, target)]
    counts = region_counts(prediction, target, 4)
    np.testing.assert_allclose(dice(*counts), compute_dice(*hot), rtol=1e-6)
    np.testing.assert_allclose(iou(*counts), compute_iou(*hot), rtol=1e-6)


@given(st.integers(0, 2**31), st.integers(2, 6))
@settings(max_examples=50)
def test_identities(seed, classes):
    prediction, target = maps(seed, classes)
    tp, fp, fn = region_counts(prediction, target, classes)
    d, j = dice(tp, fp, fn), iou(tp, fp, fn)
    torch.testing.assert_close(j, d / (2 - d), equal_nan=True)
    torch.testing.assert_close(pixel_error(tp, fp, fn), (prediction != target).double().mean(dim=(1, 2)))
    assert ((tp + fn).sum(1) == target[0].numel()).all()
    swapped = region_counts(target, prediction, classes)
    assert all(torch.equal(a, b) for a, b in zip(swapped, (tp, fn, fp), strict=True))


INTEGERS = ["uint8", "int8", "int16", "uint16", "int32", "uint32", "int64", "uint64"]


@pytest.mark.parametrize("name", INTEGERS)
def test_every_type_of_labels_is_counted_alike(name):
    prediction, target = maps(0)
    expected = region_counts(prediction, target, 4)
    for convert in (lambda labels: labels.to(getattr(torch, name)), lambda labels: labels.numpy().astype(name)):
        found = region_counts(convert(prediction), convert(target), 4)
        assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))
        assert found[0].dtype == torch.int64


def test_boolean_maps_are_counted_as_0_and_1():
    prediction, target = maps(0, classes=2)
    for either in (target, target.bool()):
        found = region_counts(prediction.bool(), either, 2)
        assert all(torch.equal(a, b) for a, b in zip(found, region_counts(prediction, target, 2), strict=True))


@pytest.mark.parametrize(
    ("label", "name"), [(255, "uint8"), (-1, "int8"), (4, "uint16"), (2**32 + 1, "int64"), (2**63, "uint64")]
)
def test_a_label_out_of_range_is_refused(label, name):
    target = np.zeros((1, 2, 2), name)
    target[0, 0, 0] = label
    with pytest.raises(ValueError, match="target holds labels outside"):
        region_counts(np.zeros((1, 2, 2), np.uint8), target, 4)
    with pytest.raises(ValueError, match="prediction holds labels outside"):
        region_counts(target, np.zeros((1, 2, 2), np.uint8), 4)


@pytest.mark.parametrize("name", INTEGERS)
def test_counts_of_narrow_types_do_not_wrap_around(name):
    """By hand: 2·120 / (2·120 + 100 + 60) = 0.6, 120 / 280, and over two classes (100 + 100 + 60 + 60) / 2 / 360."""
    counts = [np.array([value, value], name) for value in (120, 100, 60)]
    for either in (counts, [torch.from_numpy(count) for count in counts]):
        assert dice(*either).tolist() == pytest.approx([0.6, 0.6])
        assert iou(*either).tolist() == pytest.approx([120 / 280] * 2)
        assert float(pixel_error(*either)) == pytest.approx(160 / 360)


@pytest.mark.parametrize("empty", [0.0, 1.0, math.nan])
def test_zero_over_zero_is_what_the_caller_says(empty):
    for zeros in (np.zeros(1, int), torch.zeros(1, dtype=torch.long)):
        for ratio in (dice, iou):
            assert ratio(zeros, zeros, zeros, empty=empty).tolist() == pytest.approx([empty], nan_ok=True)
    assert math.isnan(dice(np.zeros(1, int), np.zeros(1, int), np.zeros(1, int))[0])


def test_binary_pixel_error_is_equation_3():
    prediction, target = maps(0, classes=2)
    tp, fp, fn = region_counts(prediction, target, 2)
    torch.testing.assert_close(pixel_error(tp, fp, fn), (fp[:, 1] + fn[:, 1]) / target[0].numel(), check_dtype=False)


def test_confusion_counts_name_target_then_prediction():
    confusion = confusion_counts(torch.tensor([[[2]]]), torch.tensor([[[1]]]), 3)
    assert confusion[0, 1, 2] == 1
    assert confusion.sum() == 1


def test_headline_pools_then_means_over_classes():
    tp, fp, fn = np.array([90, 2, 0]), np.array([1, 0, 2]), np.array([2, 1, 0])
    values = headline(tp, fp, fn)
    per_class = [180 / 183, 4 / 5, 0.0]
    assert values["with_background"]["dice"] == pytest.approx(np.mean(per_class))
    assert values["foreground"]["dice"] == pytest.approx(np.mean(per_class[1:]))
    assert values["foreground"]["iou"] == pytest.approx((2 / 3 + 0) / 2)
    assert values["foreground"]["pixel_error"] == values["with_background"]["pixel_error"] == pytest.approx(3 / 95)


def test_headline_leaves_out_a_class_that_is_nowhere():
    zeros = np.zeros(2, int)
    values = headline(np.array([10, 0]), zeros, zeros)
    assert values["with_background"]["dice"] == 1
    assert math.isnan(values["foreground"]["dice"])


def test_region_counts_refuses_what_it_cannot_count():
    prediction, target = maps(0)
    with pytest.raises(ValueError, match="B, H, W"):
        region_counts(prediction[:, :-1], target, 4)
    with pytest.raises(ValueError, match="integers"):
        region_counts(prediction.float(), target, 4)
    with pytest.raises(ValueError, match="target holds labels"):
        region_counts(prediction.clamp(max=1), target, 2)
