"""The counts of the last epochs: who is who, and the same bytes each time."""

from dataclasses import replace

import kills
import numpy as np
import pandas as pd
import torch

from cedice.files import sha256
from cedice.training import epochs, loop
from cedice.training.forward import Tensors


def test_every_count_stands_in_its_row(tmp_path):
    counts = np.arange(2 * 2 * 3 * 2 * 3, dtype=np.int32).reshape(2, 2, 3, 2, 3)
    index = pd.DataFrame({"slice": ["b", "a", "c"], "patient": ["p2", "p1", "p1"]}, index=[7, 3, 5])
    for file in (tmp_path / "a.csv.gz", tmp_path / "again/a.csv.gz"):
        epochs.save(file, epochs.table(counts, 12, index))
    assert sha256(tmp_path / "a.csv.gz") == sha256(tmp_path / "again/a.csv.gz")
    rows = pd.read_csv(tmp_path / "a.csv.gz")
    assert list(rows) == ["readout", "epoch", "patient", "class", "tp", "fp", "fn"]
    assert len(rows) == 2 * 2 * 2 * 2
    slices = {"p2": [0], "p1": [1, 2]}
    for row in rows.to_dict("records"):
        epoch, network = row["epoch"] - 11, ["last", "averaged"].index(row["readout"])
        expected = counts[epoch, network, slices[row["patient"]], row["class"]].sum(axis=0)
        assert [row["tp"], row["fp"], row["fn"]] == expected.tolist()


def test_a_training_keeps_those_of_its_last_ten_epochs(tmp_path):
    """Interrupted among them, too; and they add up to the history."""
    images = np.random.default_rng(0).integers(0, 256, (6, 16, 16), dtype=np.uint8)
    data = Tensors.of(images, (images // 100).astype(np.uint8), torch.device("cpu"))
    settings = replace(kills.SETTINGS, epochs=12)
    whole = loop.train(data, data, settings, tmp_path / "a", "x")
    assert whole.counts.shape == (10, 2, 6, 3, 3)
    loop.train(data, data, replace(settings, epochs=5, schedule="constant"), tmp_path / "b", "x")
    resumed = loop.train(data, data, replace(settings, schedule="constant"), tmp_path / "b", "x")
    straight = loop.train(data, data, replace(settings, schedule="constant"), tmp_path / "c", "x")
    np.testing.assert_array_equal(resumed.counts, straight.counts)
    for row, counts in zip(whole.history[2:], whole.counts, strict=True):
        for prefix, (tp, fp, fn) in zip(("", "averaged_"), np.moveaxis(counts.sum(axis=1), 2, 1), strict=True):
            dice = 2 * tp / (2 * tp + fp + fn)
            np.testing.assert_allclose(row[f"{prefix}dice_with_background"], dice.mean(), rtol=1e-12)
