"""The order of an epoch, its length in steps, and the patients that a smaller training takes."""

from dataclasses import replace

import kills
import numpy as np
import pandas as pd
import pytest
import torch

from cedice.data.slices import Slices
from cedice.errors import CediceError
from cedice.training import loop
from cedice.training.augmentation import draws
from cedice.training.forward import Tensors
from cedice.training.order import of_epoch


def test_one_pass_takes_every_slice_once_with_its_own_draws():
    numbers, drawn = of_epoch(10, 10, seed=3, epoch=2)
    generator = torch.Generator().manual_seed(3 * 1_000_003 + 2)
    expected = torch.randperm(10, generator=generator)
    assert torch.equal(numbers, expected)
    assert torch.equal(drawn, draws(10, generator)[expected])


def test_more_passes_go_on_in_other_orders_with_other_draws():
    numbers, drawn = of_epoch(10, 25, seed=3, epoch=2)
    assert all(torch.equal(part.sort().values, torch.arange(10)) for part in (numbers[:10], numbers[10:20]))
    assert not torch.equal(numbers[:10], numbers[10:20])
    assert len(set(numbers[20:].tolist())) == 5
    assert torch.equal(numbers[:10], of_epoch(10, 10, seed=3, epoch=2)[0])
    assert not torch.equal(drawn[numbers == 0][0], drawn[numbers == 0][1])


@pytest.mark.parametrize("count", [3, 10])
def test_an_epoch_of_so_many_steps_learns_alike_from_few_slices_and_from_many(tmp_path, count):
    images = np.random.default_rng(0).integers(0, 256, (count, 32, 32), dtype=np.uint8)
    data = Tensors.of(images, (images // 100).astype(np.uint8), torch.device("cpu"))
    settings = replace(kills.SETTINGS, epochs=3, batch_size=4, steps=5, schedule="poly")
    done = loop.train(data, data, settings, tmp_path / "a", "few")
    rates = [row["learning_rate"] for row in done.history]
    assert rates[-1] == pytest.approx(settings.learning_rate * (1 - 14 / 15) ** 0.9)  # the last of 15 steps
    assert done.history[-1]["train_loss"] < done.history[0]["train_loss"]


def many(patients: int = 20) -> Slices:
    """Two slices a patient, the last of whom validates. Each first slice shows class 1, of patients from 10 on also class 2."""
    names = [f"p{number:02}" for number in range(patients + 1) for _ in range(2)]
    masks = np.zeros((len(names), 4, 4), np.uint8)
    masks[::2, 0, 0], masks[20::2, 1, 1] = 1, 2
    split = ["val" if name == names[-1] else "train" for name in names]
    return Slices(masks, masks, pd.DataFrame({"slice": names, "patient": names, "split": split}))


def test_the_patients_of_a_smaller_training_are_among_those_of_a_larger_one():
    data = many()
    few, more = (set(data.index["patient"].iloc[data.drawn(count, 0)]) for count in (5, 12))
    assert (len(few), len(more)) == (5, 12)
    assert few < more
    assert len(data.drawn(5, 0)) == 10
    assert np.array_equal(data.drawn(5, 0), data.drawn(5, 0))
    assert not np.array_equal(data.drawn(5, 0), data.drawn(5, 1))
    assert np.array_equal(data.drawn(None, 0), data.drawn(20, 0))
    assert np.array_equal(data.drawn(None, 0), data.rows("train", 0))


def test_what_cannot_be_drawn_is_one_line():
    data = many()
    with pytest.raises(CediceError, match=r"train.patients is 21, and 20 train with seed 0"):
        data.drawn(21, 0)
    with pytest.raises(CediceError, match=r"the 1 of train.patients that seed \d+ draws show no class 2"):
        for seed in range(20):
            data.drawn(1, seed)
