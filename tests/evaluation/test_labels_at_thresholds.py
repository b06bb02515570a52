"""Labels at a threshold: against NumPy with ties, and against the counts that `evaluate` keeps."""

import numpy as np
import pandas as pd
import pytest
import torch

from cedice.evaluation import at_threshold, thresholds
from cedice.evaluation.native import probabilities
from cedice.evaluation.tabulate import count
from cedice.evaluation.thresholds import THRESHOLDS, Own
from cedice.training.forward import predict


def oracle(likely: np.ndarray, threshold: float) -> np.ndarray:
    """The definition, pixel by pixel; of classes that are equally probable the first."""
    found = np.zeros((len(likely), *likely.shape[2:]), np.uint8)
    for place in np.ndindex(found.shape):
        background, *foreground = likely[(place[0], slice(None), *place[1:])]
        best = int(np.argmax(foreground))
        if threshold == 0.5:
            found[place] = best + 1 if foreground[best] > background else 0
        elif foreground[best] / (foreground[best] + background) >= threshold:
            found[place] = best + 1
    return found


@pytest.mark.parametrize("classes", [2, 3, 5])
@pytest.mark.parametrize("threshold", [0.25, 0.3, 0.5, 0.75, 0.9])
def test_labels_are_the_definition_with_ties(classes, threshold):
    """In sixteenths, so that many pixels lie on a threshold, or have two classes of one probability."""
    random = np.random.default_rng(classes)
    likely = np.moveaxis(random.multinomial(16, random.dirichlet(np.ones(classes), (2, 20, 20))), 3, 1) / 16
    best = likely[:, 1:].max(axis=1)
    assert threshold not in (0.25, 0.5, 0.75) or (best == threshold * (best + likely[:, 0])).any()
    found = at_threshold.labels(torch.from_numpy(likely), threshold)
    assert found.dtype == torch.uint8
    np.testing.assert_array_equal(found, oracle(likely, threshold))


def test_one_channel_by_hand():
    """σ(−1) = 0.269, σ(0) = 0.5, σ(1) = 0.731, and what a network that is certain says."""
    likely = probabilities(torch.tensor([-torch.inf, -1.0, 0.0, 1.0, torch.inf]).view(1, 1, 1, 5))
    for threshold, expected in {0.26: [0, 1, 1, 1, 1], 0.27: [0, 0, 1, 1, 1], 0.74: [0, 0, 0, 0, 1]}.items():
        assert at_threshold.labels(likely, threshold).flatten().tolist() == expected


@pytest.mark.parametrize("channels", [1, 3])
def test_labels_are_those_that_are_counted(channels):
    generator = torch.Generator().manual_seed(channels)
    logits = torch.randn(3, channels, 24, 24, generator=generator)
    mask = torch.randint(0, max(channels, 2), (3, 24, 24), generator=generator).to(torch.uint8)
    likely = probabilities(logits)
    counted = at_threshold.counted(likely, mask)
    for place, threshold in enumerate(THRESHOLDS):
        found = at_threshold.labels(likely, float(threshold))
        assert torch.equal(counted[:, :, place], count(found, mask, likely.shape[1])[:, 1:, :3])
    assert torch.equal(at_threshold.labels(likely, 0.5), predict(logits))


def test_the_own_threshold_by_hand():
    """Two patients. One has Dice 0.8 up to 0.3 and then 0.4, the other 0.5 up to 0.2 and then 0.7: best at 0.25 and
    0.3, of which 0.3 is nearer to 0.5."""
    rows = [
        (patient, 1, threshold, *counts(threshold))
        for patient, counts in (
            ("a", lambda threshold: (4, 2, 0) if threshold <= 0.3 else (1, 0, 3)),
            ("b", lambda threshold: (3, 6, 0) if threshold <= 0.2 else (7, 3, 3)),
        )
        for threshold in THRESHOLDS
    ]
    table = pd.DataFrame(rows, columns=["patient", "class", "threshold", "tp", "fp", "fn"])
    assert thresholds.own(table) == Own(threshold=0.3, dice=0.75, dice_at_half=0.55, units=2)
