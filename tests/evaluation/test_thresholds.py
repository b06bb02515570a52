"""TP, FP, FN at every threshold, against the definition written out in NumPy."""

import numpy as np
import pandas as pd
import pytest
import torch

from cedice.evaluation import at_threshold, calibration, thresholds
from cedice.evaluation.bins import bin_sums
from cedice.evaluation.tabulate import count
from cedice.evaluation.thresholds import THRESHOLDS
from cedice.training.forward import most_probable


def by_definition(likely: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """(B, C − 1, T, 3), pixel by pixel."""
    images, classes = likely.shape[:2]
    found = np.zeros((images, classes - 1, len(THRESHOLDS), 3), np.int64)
    best = likely[:, 1:].max(axis=1)
    for place, threshold in enumerate(THRESHOLDS):
        labels = np.where(best / (best + likely[:, 0]) < threshold, 0, 1 + likely[:, 1:].argmax(axis=1))
        for label in range(1, classes):
            predicted, truth = labels == label, mask == label
            sums = (predicted & truth), (predicted & ~truth), (~predicted & truth)
            found[:, label - 1, place] = np.stack([each.sum(axis=(1, 2)) for each in sums], axis=1)
    return found


@pytest.mark.parametrize("classes", [2, 4])
def test_counts_are_those_of_the_definition(classes):
    random = np.random.default_rng(classes)
    # Sixteenths, so that sums and shares are exact in float32; 0 and 1 are among them.
    parts = random.multinomial(16, np.full(classes, 1 / classes), size=(3, 9, 7)) / 16
    parts[0, 0, 0], parts[0, 0, 1] = np.eye(classes)[[0, 1]]
    likely, mask = np.moveaxis(parts, 3, 1), random.integers(0, classes, (3, 9, 7))
    found = at_threshold.counted(torch.tensor(likely, dtype=torch.float64), torch.tensor(mask, dtype=torch.uint8)).numpy()
    np.testing.assert_array_equal(found, by_definition(likely, mask))


def test_one_half_is_the_most_probable_class():
    random = torch.Generator().manual_seed(0)
    likely = torch.rand(2, 4, 16, 16, generator=random).softmax(dim=1)
    mask = torch.randint(0, 4, (2, 16, 16), generator=random)
    found = at_threshold.counted(likely, mask)[:, :, list(THRESHOLDS).index(0.5)]
    for image in range(2):
        expected = count(most_probable(likely)[image], mask[image], 4)[1:, :3]
        assert torch.equal(found[image], expected)


def test_bins_of_calibration_give_the_same_for_one_class():
    random = torch.Generator().manual_seed(1)
    logits = torch.randn(4, 1, 20, 20, generator=random)
    mask = torch.randint(0, 2, (4, 20, 20), generator=random)
    index = pd.DataFrame({"patient": ["b", "b", "a", "NA"]})
    foreground = logits.sigmoid()
    counted = at_threshold.counted(torch.cat([1 - foreground, foreground], dim=1), mask)
    kept = thresholds.table(counted.numpy(), index)
    bins = calibration.table(bin_sums(logits, mask).numpy(), index)
    pd.testing.assert_frame_equal(thresholds.of_bins(bins), kept, check_dtype=False)
    assert list(dict.fromkeys(kept["patient"])) == ["b", "a", "NA"]
