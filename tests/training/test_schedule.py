"""The learning rate, by hand, and where the loop puts it."""

from dataclasses import replace

import kills
import numpy as np
import pytest
import torch

from cedice.training import loop
from cedice.training.adam import Adam
from cedice.training.forward import Tensors
from cedice.training.schedule import rate


@pytest.mark.parametrize(
    ("step", "expected"), [(0, 0.01), (50, 0.01 * 0.5358867), (90, 0.01 * 0.1258925), (99, 0.01 * 0.01584893)]
)
def test_poly_by_hand(step, expected):
    """0.5^0.9, 0.1^0.9, 0.01^0.9."""
    assert rate("poly", 0.01, step, 100) == pytest.approx(expected, rel=1e-6)
    assert rate("constant", 0.01, step, 100) == 0.01


def test_the_loop_takes_it_step_by_step(tmp_path, monkeypatch):
    """Ten slices in batches of 4 are 3 steps an epoch; the history has the rate of an epoch's last step, and a training that
    goes on takes up the schedule where it was."""
    images = np.random.default_rng(0).integers(0, 256, (10, 16, 16), dtype=np.uint8)
    data = Tensors.of(images, (images // 100).astype(np.uint8), torch.device("cpu"))
    settings = replace(kills.SETTINGS, epochs=2, schedule="poly", learning_rate=0.01)
    taken = []
    step = Adam.step
    monkeypatch.setattr(Adam, "step", lambda self: (taken.append(self.rate), step(self))[1])
    history = loop.train(data, data, settings, tmp_path / "a", "x").history
    assert taken == [0.01 * (1 - number / 6) ** 0.9 for number in range(6)]
    assert [row["learning_rate"] for row in history] == [taken[2], taken[5]]
