"""Calibration against MONAI's metric, by hand, and pooled over a patient's images."""

import numpy as np
import pandas as pd
import pytest
import torch
from monai.metrics import CalibrationErrorMetric

from cedice.evaluation import calibration
from cedice.evaluation.bins import bin_sums


def drawn(channels: int, images: int = 4, size: int = 24) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(channels)
    logits = 3 * torch.randn(images, channels, size, size, generator=generator)
    return logits, torch.randint(0, max(channels, 2), (images, size, size), generator=generator).to(torch.uint8)


def monai(logits: torch.Tensor, mask: torch.Tensor, reduction: str) -> np.ndarray:
    """(images, foreground classes)."""
    if logits.shape[1] == 1:
        logits = torch.cat([torch.zeros_like(logits), logits], dim=1)
    truth = torch.nn.functional.one_hot(mask.long(), logits.shape[1]).movedim(3, 1).float()
    metric = CalibrationErrorMetric(20, include_background=False, calibration_reduction=reduction, metric_reduction="none")
    metric(logits.softmax(dim=1), truth)
    return metric.aggregate().numpy()


def measured(logits: torch.Tensor, mask: torch.Tensor, owners: list[str]) -> pd.DataFrame:
    sums = bin_sums(logits, mask).numpy()
    return calibration.patients(calibration.table(sums, pd.DataFrame({"patient": owners})))


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_each_image_agrees_with_monai(channels):
    logits, mask = drawn(channels)
    found = measured(logits, mask, list("dcba"))
    assert found.index.to_list() == list("dcba")
    for name, reduction in (("ece", "expected"), ("mce", "maximum")):
        theirs = monai(logits, mask, reduction).mean(axis=1)
        assert found[name].to_numpy() == pytest.approx(theirs, abs=1e-5)
        assert found[f"{name}_image"].to_numpy() == pytest.approx(theirs, abs=1e-5)
    probability = logits.sigmoid() if channels == 1 else logits.softmax(dim=1)[:, 1:]
    truth = torch.stack([mask == label for label in range(1, max(channels, 2))], dim=1)
    brier = (probability - truth.float()).square().mean(dim=(1, 2, 3)).numpy()
    assert found["brier"].to_numpy() == pytest.approx(brier, rel=1e-5)


def test_a_patients_images_are_pooled_or_averaged():
    logits, mask = drawn(3)
    found = measured(logits, mask, ["p", "q", "p", "p"]).loc["p"]
    of_p = [0, 2, 3]
    # One image that is all of them side by side has the pooled values.
    whole = torch.cat(list(logits[of_p]), dim=2)[None], torch.cat(list(mask[of_p]), dim=1)[None]
    assert found["ece"] == pytest.approx(monai(*whole, "expected").mean(), abs=1e-5)
    assert found["mce"] == pytest.approx(monai(*whole, "maximum").mean(), abs=1e-5)
    assert found["ece_image"] == pytest.approx(monai(logits, mask, "expected")[of_p].mean(), abs=1e-5)
    assert found["mce_image"] == pytest.approx(monai(logits, mask, "maximum")[of_p].mean(), abs=1e-5)


def test_two_images_by_hand():
    """Probabilities 0.73 of one pixel and 0.02 of three, all of the class or none: errors that cancel when pooled."""
    p = torch.tensor([0.73, 0.02, 0.02, 0.02])
    logits = torch.log(p / (1 - p)).view(1, 1, 2, 2).repeat(2, 1, 1, 1)
    mask = torch.tensor([[[1, 0], [0, 0]], [[0, 0], [0, 0]]])
    found = measured(logits, mask, ["p", "p"]).loc["p"]
    assert found["ece_image"] == pytest.approx(((0.27 + 0.06) / 4 + (0.73 + 0.06) / 4) / 2, rel=1e-5)
    assert found["ece"] == pytest.approx((abs(1.46 - 1) + 0.12) / 8, rel=1e-5)
    assert found["mce"] == pytest.approx(abs(1.46 - 1) / 2, rel=1e-5)
    assert found["mce_image"] == pytest.approx((0.27 + 0.73) / 2, rel=1e-5)
    assert found["brier"] == pytest.approx((0.27**2 + 0.73**2 + 6 * 0.02**2) / 8, rel=1e-5)


def test_the_table_adds_up_and_certainty_has_a_bin():
    logits = torch.tensor([[-200.0, 200.0], [0.0, 200.0]]).view(1, 1, 2, 2)  # probabilities 0, 1, one half, 1
    found = calibration.table(bin_sums(logits, torch.tensor([[[0, 1], [1, 0]]])).numpy(), pd.DataFrame({"patient": ["p"]}))
    assert len(found) == calibration.BINS
    assert found["pixels"].to_list() == [1] + [0] * 8 + [1] + [0] * 9 + [2]
    assert found["positives"].to_list() == [0] * 9 + [1] + [0] * 9 + [1]
    assert found["worst"].sum() == found["worst"][9] == 0.5
    assert calibration.patients(found).loc["p", "ece"] == pytest.approx((0.5 + 1) / 4)
