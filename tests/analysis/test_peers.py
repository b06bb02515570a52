"""Published averages, worked by hand."""

import numpy as np
import pandas as pd
import pytest

from cedice.analysis import peers
from cedice.evaluation import calibration
from cedice.metrics import dice
from cedice.reporting.peers import peers as section


def counts(rows: list[tuple]) -> pd.DataFrame:
    """volume, slice, class, tp, fp, fn; of slices of 100 pixels."""
    table = pd.DataFrame(rows, columns=["volume", "slice", "class", "tp", "fp", "fn"])
    return table.assign(tn=100 - table["tp"] - table["fp"] - table["fn"])


TWO = counts(
    [
        # class 1: 2·(8 + 2) / (2·10 + 4 + 6) = 2/3; class 2 lacks in prediction and truth
        ("a", "a0", 0, 80, 4, 4),
        ("a", "a0", 1, 8, 4, 4),
        ("a", "a0", 2, 0, 0, 0),
        ("a", "a1", 0, 96, 2, 0),
        ("a", "a1", 1, 2, 0, 2),
        ("a", "a1", 2, 0, 0, 0),
        # class 1 whole; class 2: marked only, 0
        ("b", "b0", 0, 70, 0, 10),
        ("b", "b0", 1, 20, 0, 0),
        ("b", "b0", 2, 0, 10, 0),
    ]
)


def test_volumes_by_hand():
    found = peers.by_volume(TWO)
    assert found["volumes"] == pytest.approx(((2 / 3 + 1) / 2 + 0) / 2)
    # As one label: a 2·(12 + 2) / (2·14 + 4 + (4 + 2)) , b 2·20 / (2·20 + 10)
    assert found["one_label"] == pytest.approx((28 / 38 + 40 / 50) / 2)
    assert "one_label" not in peers.by_volume(TWO[TWO["class"] < 2])


def test_a_repeat_of_all_folds_is_one_number():
    """Two folds of a volume each, two repeats; the second misses all of volume a's class 1."""
    parts = {0: TWO[TWO["volume"] == "a"], 1: TWO[TWO["volume"] == "b"]}
    missed = parts[0].assign(fn=parts[0]["fn"] + parts[0]["tp"], tp=0)
    tables = {("acdc", loss, seed): parts[seed % 2] for loss in ("ce", "ce_dl") for seed in range(4)}
    tables["acdc", "ce_dl", 2] = missed
    found = peers.table(tables, {}, {"acdc": 2}).set_index(["average", "loss"])
    assert found.loc[("volumes", "ce"), "mean"] == pytest.approx(5 / 12)
    assert found.loc[("volumes", "ce"), "std"] == pytest.approx(0)
    assert found.loc[("volumes", "ce_dl"), "mean"] == pytest.approx((5 / 12 + 1 / 4) / 2)
    assert found.loc[("volumes", "ce_dl"), "std"] == pytest.approx((5 / 12 - 1 / 4) / np.sqrt(2))
    text = "\n".join(section(found.reset_index()))
    assert "| ACDC | Dice per volume and class | 0.4167 ± 0.0000 | 0.3333 ± 0.1179 | 2 volumes | nnU-Net, 3-D: 0.9154 |" in text
    assert "| ACDC | Dice per volume, all classes as one |" in text


def test_without_folds_no_volumes_and_without_bins_no_thresholds():
    found = peers.table({("acdc", "ce", 0): TWO, ("covid19", "ce", 0): TWO}, {}, {"acdc": 1, "covid19": 1})
    assert found.empty
    assert section(found) == []


def bins_of(probability: np.ndarray, truth: np.ndarray) -> pd.DataFrame:
    """The calibration table of (slices, pixels)."""
    sums = np.zeros((len(truth), 1, calibration.BINS, 4))
    places = np.ceil(calibration.BINS * probability).clip(1).astype(int) - 1
    for number, (place, p, y) in enumerate(zip(places, probability, truth, strict=True)):
        for column, values in enumerate((np.ones_like(p), p, y, (p - y) ** 2)):
            np.add.at(sums[number, 0, :, column], place, values)
    return calibration.table(sums, pd.DataFrame({"patient": [f"s{number}" for number in range(len(truth))]}))


def test_thresholds_by_hand():
    """Four pixels at 0.02, 0.22, 0.42, 0.94, the last two true: all marked at 0 (2/3), but the first up to 0.20 (0.8), then
    the true two alone up to 0.40 (1), then the last alone up to 0.90 (2/3), then none (0). Twice the mean, 0.80: 2/3."""
    found = peers.by_threshold(bins_of(np.array([[0.02, 0.22, 0.42, 0.94]]), np.array([[0, 0, 1, 1]])))
    assert found["thresholds"] == pytest.approx((1 / 3 + 4 * 0.8 + 4 * 1 + 10 * 2 / 3) / 20)
    assert found["best"] == 1
    assert found["adaptive"] == pytest.approx(2 / 3)


def test_few_thresholds_are_close_to_the_authors_many():
    random = np.random.default_rng(0)
    truth = (random.random((20, 4096)) < random.uniform(0.05, 0.3, (20, 1))).astype(int)
    probability = 1 / (1 + np.exp(-(random.normal(0, 2.5, truth.shape) + 10 * truth - 5)))
    exact = []
    for threshold in np.linspace(0, 1, 256):
        marked = probability >= threshold
        hits = (marked & (truth == 1)).sum(axis=1)
        exact.append(dice(hits, marked.sum(axis=1) - hits, truth.sum(axis=1) - hits, empty=0))
    adaptive = np.minimum(2 * probability.mean(axis=1, keepdims=True), 1)
    hits = ((probability >= adaptive) & (truth == 1)).sum(axis=1)
    marked = (probability >= adaptive).sum(axis=1)
    found = peers.by_threshold(bins_of(probability, truth))
    assert np.mean(exact) - 0.02 < found["thresholds"] < np.mean(exact)
    assert found["best"] == pytest.approx(np.mean(exact, axis=1).max(), abs=0.002)
    assert found["adaptive"] == pytest.approx(dice(hits, marked - hits, truth.sum(axis=1) - hits).mean(), abs=0.005)


def test_each_training_of_the_official_split_is_a_number():
    random = np.random.default_rng(1)
    tables = {
        ("covid19", loss, seed): bins_of(random.random((3, 50)), random.integers(0, 2, (3, 50)))
        for loss in ("ce", "ce_dl")
        for seed in (0, 1)
    }
    found = peers.table({("covid19", "ce", 0): TWO}, tables, {"covid19": 1})
    assert found["average"].to_list() == ["thresholds", "best", "adaptive"] * 2
    assert (found["units"] == 3).all()
    values = [peers.by_threshold(tables["covid19", "ce", seed])["best"] for seed in (0, 1)]
    best = found[(found["average"] == "best") & (found["loss"] == "ce")].iloc[0]
    assert (best["mean"], best["std"]) == pytest.approx((np.mean(values), np.std(values, ddof=1)))
    assert "| COVID-19 | Dice per slice, adaptive threshold |" in "\n".join(section(found))
