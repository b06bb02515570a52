"""Equations 5 to 8 against PyTorch's and MONAI's own, against values worked by hand, and for what must always hold."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.losses import DiceLoss, MaskedDiceLoss
from torch.nn import functional

from cedice.losses import CEDiceLoss, cross_entropy, dice_loss


def sample(channels: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(3, channels, 17, 23, generator=generator)
    return logits, torch.randint(0, max(channels, 2), (3, 17, 23), generator=generator)


def monai_dice(logits: torch.Tensor, target: torch.Tensor, batch: bool = False) -> torch.Tensor:
    several = logits.shape[1] > 1
    options = {"softmax": True, "to_onehot_y": True, "include_background": False} if several else {"sigmoid": True}
    return DiceLoss(squared_pred=True, smooth_nr=0, smooth_dr=0, batch=batch, **options)(logits, target.unsqueeze(1).float())


@pytest.mark.parametrize("over", ["sample", "batch"])
@pytest.mark.parametrize("channels", [1, 2, 4])
def test_dice_loss_and_its_gradient_agree_with_monai(channels, over):
    logits, target = sample(channels)
    ours, theirs = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    dice_loss(ours, target, over).backward()
    monai_dice(theirs, target, over == "batch").backward()
    torch.testing.assert_close(dice_loss(logits, target, over), monai_dice(logits, target, over == "batch"))
    torch.testing.assert_close(ours.grad, theirs.grad)


def test_cross_entropy_agrees_with_pytorch():
    logits, target = sample(4)
    torch.testing.assert_close(cross_entropy(logits, target), functional.cross_entropy(logits, target))
    logits, target = sample(1)
    expected = functional.binary_cross_entropy(logits.double().sigmoid()[:, 0], target.double())
    torch.testing.assert_close(cross_entropy(logits, target).double(), expected, atol=1e-6, rtol=1e-5)


def test_equation_5_and_7_by_hand():
    # Probabilities 1/2 and 3/4 for the targets 0 and 1: CE = (ln 2 + ln 4/3) / 2; Dice loss = 1 − 2·¾ / (¼ + 9/16 + 1).
    logits = torch.tensor([0.0, math.log(3)]).view(1, 1, 1, 2)
    target = torch.tensor([0, 1]).view(1, 1, 2)
    assert cross_entropy(logits, target).item() == pytest.approx((math.log(2) + math.log(4 / 3)) / 2)
    assert dice_loss(logits, target).item() == pytest.approx(1 - 1.5 / (0.25 + 0.5625 + 1))


def test_dice_loss_is_the_mean_over_samples_and_foreground_classes():
    logits, target = sample(4)
    one_by_one = [
        1 - 2 * (p * (t == label)).sum() / (p.square().sum() + (t == label).sum())
        for probabilities, t in zip(logits.softmax(1), target, strict=True)
        for label in (1, 2, 3)
        for p in [probabilities[label]]
    ]
    torch.testing.assert_close(dice_loss(logits, target), torch.stack(one_by_one).mean())


def test_an_empty_slice_by_hand_in_sums_over_the_batch():
    """p = ½ in two slices of 2 pixels, of which the first has one pixel of the class and the second none: over samples
    1 − 2·½ / (½ + 1) = ⅓ and 1, over the batch 1 − 2·½ / (1 + 1) = ½; and the empty slice now has a gradient."""
    logits = torch.zeros(2, 1, 1, 2, requires_grad=True)
    target = torch.tensor([[[1, 0]], [[0, 0]]])
    assert dice_loss(logits, target).item() == pytest.approx((1 / 3 + 1) / 2)
    loss = dice_loss(logits, target, "batch")
    assert loss.item() == pytest.approx(1 / 2)
    loss.backward()
    # d/dp of −2 Σpg / (Σp² + Σg²) where g = 0: 2 Σpg · 2p / (Σp² + Σg²)² = ¼; times p (1 − p) = ¼.
    torch.testing.assert_close(logits.grad[1], torch.full((1, 1, 2), 1 / 16))


def test_sums_over_a_batch_of_one_are_those_over_the_sample_and_ignore_the_order_of_slices():
    logits, target = sample(4)
    torch.testing.assert_close(CEDiceLoss(0.5, "batch")(logits[:1], target[:1]), CEDiceLoss(0.5)(logits[:1], target[:1]))
    order = torch.tensor([2, 0, 1])
    torch.testing.assert_close(dice_loss(logits[order], target[order], "batch"), dice_loss(logits, target, "batch"))


def test_alpha_weighs_the_dice_term_and_zero_skips_it():
    logits, target = sample(4)
    ce, dice = cross_entropy(logits, target), dice_loss(logits, target)
    torch.testing.assert_close(CEDiceLoss(0.25)(logits, target), ce + 0.25 * dice)
    assert CEDiceLoss(0).terms(logits, target)[1] is None
    assert CEDiceLoss(0)(logits, target) == ce


def test_an_absent_class_costs_one_and_gives_no_gradient():
    logits = torch.zeros(1, 1, 4, 4, requires_grad=True)
    loss = dice_loss(logits, torch.zeros(1, 4, 4, dtype=torch.long))
    loss.backward()
    assert loss.item() == 1
    assert not logits.grad.any()
    assert dice_loss(torch.full((1, 1, 4, 4), -1e4), torch.zeros(1, 4, 4, dtype=torch.long)).item() == 1  # 0/0


def test_bfloat16_logits_are_summed_in_float32():
    logits, target = sample(4)
    coarse = logits.bfloat16()
    torch.testing.assert_close(CEDiceLoss(1)(coarse, target), CEDiceLoss(1)(coarse.float(), target))


@given(st.integers(0, 2**31), st.integers(1, 5), st.floats(0.01, 30))
@settings(max_examples=50)
def test_dice_loss_stays_between_zero_and_one_and_ignores_the_order_of_pixels(seed, channels, scale):
    logits, target = sample(channels, seed)
    logits = logits * scale
    loss = dice_loss(logits, target)
    assert -1e-6 <= loss.item() <= 1 + 1e-6
    order = torch.randperm(17 * 23, generator=torch.Generator().manual_seed(seed))
    shuffled = logits.flatten(2)[..., order].view_as(logits), target.flatten(1)[..., order].view_as(target)
    torch.testing.assert_close(dice_loss(*shuffled), loss)


@pytest.mark.parametrize("channels", [1, 4])
def test_a_perfect_prediction_costs_nothing(channels):
    _, target = sample(channels)
    hot = functional.one_hot(target, max(channels, 2)).movedim(-1, 1).float()
    logits = 100 * (2 * hot - 1)[:, -channels:]
    assert CEDiceLoss(1)(logits, target).item() == pytest.approx(0, abs=1e-6)


INTEGERS = [torch.uint8, torch.int8, torch.int16, torch.uint16, torch.int32, torch.uint32, torch.int64, torch.uint64]


@pytest.mark.parametrize("channels", [1, 4])
@pytest.mark.parametrize("dtype", [*INTEGERS, torch.bool])
def test_every_type_of_labels_gives_what_int64_gives(channels, dtype):
    logits, target = sample(channels)
    if dtype == torch.bool:
        target = target.clamp(max=1)
    for loss in (cross_entropy, dice_loss, CEDiceLoss(0.5)):
        results = []
        for labels in (target, target.to(dtype)):
            leaf = logits.clone().requires_grad_()
            value = loss(leaf, labels)
            value.backward()
            results.append((value, leaf.grad))
        assert torch.equal(results[0][0], results[1][0])
        assert torch.equal(results[0][1], results[1][1])


def test_more_classes_than_a_narrow_type_can_name():
    """uint8 and int8 would wrap around: label 0 would be 256 as well."""
    logits, target = torch.randn(1, 300, 3, 4), torch.arange(12).view(1, 3, 4)
    for dtype in (torch.uint8, torch.int8):
        assert cross_entropy(logits, target.to(dtype)) == cross_entropy(logits, target)
    torch.testing.assert_close(cross_entropy(logits, target), functional.cross_entropy(logits, target))


@pytest.mark.parametrize("channels", [1, 4])
@pytest.mark.parametrize(
    ("label", "dtype"),
    [(255, torch.uint8), (255, torch.int64), (256, torch.int64), (-1, torch.int8), (-1, torch.int64), (4, torch.uint16)],
)
def test_one_label_out_of_range_makes_value_and_gradient_nan(channels, label, dtype):
    """Never a finite loss that leaves those pixels, or all, without a gradient."""
    logits, target = sample(channels)
    target[1, 2, 3] = label
    for loss in (cross_entropy, dice_loss, CEDiceLoss(0), CEDiceLoss(1)):
        leaf = logits.clone().requires_grad_()
        value = loss(leaf, target.to(dtype))
        value.backward()
        assert value.isnan()
        assert leaf.grad.isnan().all()


def test_a_mask_of_0_and_255_is_nan_and_its_comparison_with_0_is_not():
    logits, target = sample(1)
    mask = (255 * target).to(torch.uint8)
    assert CEDiceLoss(1)(logits, mask).isnan()
    assert CEDiceLoss(1)(logits, mask > 0) == CEDiceLoss(1)(logits, target)


def value_and_gradient(loss, logits: torch.Tensor, target: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    leaf = logits.clone().requires_grad_()
    value = loss(leaf, target)
    value.backward()
    return value.detach(), leaf.grad


@pytest.mark.parametrize("ignore_index", [None, 255])
def test_classes_that_cannot_be_cost_what_pytorch_and_monai_say(ignore_index):
    """A logit of −∞ for class 3 everywhere, and for class 1 where it is not: 0 · ∞ is 0 in value and gradient."""
    logits, target = sample(4)
    target = target.clamp(max=2)
    logits[:, 3] = -math.inf
    logits[:, 1].masked_fill_(target != 1, -math.inf)
    ours = value_and_gradient(lambda *given: cross_entropy(*given, ignore_index), logits, target)
    torch.testing.assert_close(ours, value_and_gradient(functional.cross_entropy, logits, target))
    ours = value_and_gradient(lambda *given: dice_loss(*given, ignore_index=ignore_index), logits, target)
    # Class 3, absent and impossible, is 0/0 to MONAI; here its limit, 1, one third of the mean.
    value, gradient = value_and_gradient(monai_dice, logits[:, :3], target)
    torch.testing.assert_close(ours, ((2 * value + 1) / 3, torch.cat([2 * gradient / 3, 0 * gradient[:, :1]], dim=1)))
    assert CEDiceLoss(1, ignore_index=ignore_index)(logits, target).isfinite()


def test_a_certain_pixel_by_hand():
    """One channel: z = ∞ and −∞ are probabilities 1 and 0, as (−∞, 0) and (0, −∞) of two channels. Where they are right they
    cost nothing; where one is wrong, cross-entropy is infinite, and its gradient p − g over the two pixels."""
    logits = torch.tensor([math.inf, -math.inf]).view(1, 1, 1, 2)
    value, gradient = value_and_gradient(CEDiceLoss(1), logits, torch.tensor([[[1, 0]]]))
    assert (value, gradient.flatten().tolist()) == (0, [0, 0])
    for target, expected in (([0, 0], [0.5, 0]), ([1, 1], [0, -0.5])):
        value, gradient = value_and_gradient(cross_entropy, logits, torch.tensor([[target]]))
        assert (value, gradient.flatten().tolist()) == (math.inf, expected)
    impossible = torch.tensor([0, -math.inf, 1]).view(1, 3, 1, 1)
    ours = value_and_gradient(cross_entropy, impossible, torch.tensor([[[1]]]))
    torch.testing.assert_close(ours, value_and_gradient(functional.cross_entropy, impossible, torch.tensor([[[1]]])))


@pytest.mark.parametrize("over", ["sample", "batch"])
@pytest.mark.parametrize(("channels", "label", "dtype"), [(1, 255, torch.uint8), (4, -100, torch.int64), (4, 2, torch.uint8)])
def test_ignored_pixels_are_out_of_both_terms_as_in_pytorch_and_monai(channels, label, dtype, over):
    """In one channel, in more, and with a label that is a class."""
    logits, target = sample(channels)
    target[torch.rand(target.shape, generator=torch.Generator().manual_seed(1)) < 0.3] = label
    target[0, :5] = label
    kept = target != label

    def torchs(leaf: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
        pair = torch.cat([torch.zeros_like(leaf), leaf], dim=1) if channels == 1 else leaf
        return functional.cross_entropy(pair, target, ignore_index=label)

    def monais(leaf: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
        masked = MaskedDiceLoss(squared_pred=True, smooth_nr=0, smooth_dr=0, batch=over == "batch")
        hot = functional.one_hot(target.where(kept, 0), max(channels, 2)).movedim(-1, 1)[:, 1:].float()
        likely = leaf.sigmoid() if channels == 1 else leaf.softmax(dim=1)[:, 1:]
        # MONAI leaves 0/0 of a class whose pixels are all ignored to its smoothing, NaN here, where ours is the limit.
        each = [masked(likely[:, k : k + 1], hot[:, k : k + 1], kept.unsqueeze(1)) for k in range(hot.shape[1])]
        return torch.stack(each).mean()

    given = logits, target.to(dtype)
    torch.testing.assert_close(
        value_and_gradient(lambda *given: cross_entropy(*given, label), *given), value_and_gradient(torchs, *given)
    )
    torch.testing.assert_close(
        value_and_gradient(lambda *given: dice_loss(*given, over, label), *given), value_and_gradient(monais, *given)
    )
    expected = torchs(*given) + 0.5 * monais(*given)
    torch.testing.assert_close(CEDiceLoss(0.5, over, label)(*given), expected)


def test_nothing_but_ignored_pixels_gives_no_gradient():
    """The mean over none is NaN, as in PyTorch, and moves no weight."""
    logits, target = sample(4)
    for loss in (CEDiceLoss(1, ignore_index=255), lambda *given: functional.cross_entropy(*given, ignore_index=255)):
        value, gradient = value_and_gradient(loss, logits, torch.full_like(target, 255))
        assert value.isnan()
        assert not gradient.any()


def test_a_label_outside_that_is_not_ignored_is_nan():
    logits, target = sample(4)
    target[0, 0, :2] = torch.tensor([255, 254])
    assert CEDiceLoss(1, ignore_index=255)(logits, target.to(torch.uint8)).isnan()
    assert CEDiceLoss(1, ignore_index=-100)(logits, target.to(torch.uint8)).isnan()
    assert CEDiceLoss(1, ignore_index=-2)(logits, target.to(torch.uint8)).isnan()  # 254 in 8 bits


@pytest.mark.parametrize("alpha", [-1, math.nan, math.inf])
def test_refuses_an_impossible_alpha(alpha):
    with pytest.raises(ValueError, match="alpha"):
        CEDiceLoss(alpha)


def test_refuses_sums_over_anything_else():
    with pytest.raises(ValueError, match="'sample' or 'batch', not 'volume'"):
        CEDiceLoss(1, "volume")


def test_refuses_shapes_and_types_that_do_not_fit():
    logits, target = sample(4)
    with pytest.raises(ValueError, match="target"):
        CEDiceLoss(1)(logits, target[:, :-1])
    with pytest.raises(ValueError, match="integer"):
        CEDiceLoss(1)(logits, target.float())
    with pytest.raises(ValueError, match="integer"):
        CEDiceLoss(1)(logits, target.to(torch.complex64))
    for empty in (logits[:, :0], target), (logits[:0], target[:0]):
        with pytest.raises(ValueError, match="logits must be"):
            CEDiceLoss(1)(*empty)
