"""How often one training a loss would show the paper's difference by chance, by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cedice.analysis import chance
from cedice.evaluation.runs import Run


def run(dice: float) -> Run:
    """Twelve epochs that climb to ``dice``; pixel error falls with it."""
    climb = np.append(np.full(11, dice - 0.1), dice)
    columns = {"dice": climb, "iou": climb / 2, "pixel_error": 1 - climb}
    return Run(pd.DataFrame(), pd.DataFrame({f"{name}_with_background": values for name, values in columns.items()}), {})


def test_the_spread_over_seeds_decides():
    ends = {"ce": (0.90, 0.91, 0.92), "ce_dl": (0.93, 0.93, 0.93)}
    runs = {("acdc", loss, seed): run(dice) for loss, seeds in ends.items() for seed, dice in enumerate(seeds)}
    steady = {("acdc", loss, seed): run(0.9 + 0.001 * seed) for loss in ends for seed in range(3)}
    table = chance.table({"last": runs, "averaged": steady}).set_index(["metric", "reported"])
    last = table.loc[("dice", "last epoch")]
    assert last["paper"] == pytest.approx(0.0123)
    assert last["chance"] == pytest.approx(2 * stats.t.sf(0.0123 / 0.01, 2))
    assert last["low"] < last["chance"] < last["high"]
    ten = table.loc[("dice", "mean of the last 10 epochs")]
    assert ten["chance"] == pytest.approx(last["chance"])  # the same spread around another mean
    assert table.loc[("dice", "averaged"), "chance"] < 0.01
    assert set(chance.table({"last": runs})["reported"]) == {"last epoch", "mean of the last 10 epochs"}
    assert table.loc[("iou", "last epoch"), "chance"] < last["chance"]  # half the spread, and a larger difference


def test_other_data_sets_have_no_such_difference():
    runs = {("mine", loss, seed): run(0.9) for loss in ("ce", "ce_dl") for seed in (0, 1)}
    assert chance.table({"last": runs}).empty
