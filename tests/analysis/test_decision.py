"""The loss and the decision rule apart, worked by hand."""

import numpy as np
import pandas as pd
import pytest

from cedice.analysis import decision
from cedice.analysis.statistics import paired
from cedice.evaluation.thresholds import THRESHOLDS

UNITS = ("a", "b", "c", "d")


def table(dice: dict[float, list[float]], classes: int = 1) -> pd.DataFrame:
    """Of four units with 100 true pixels each: so many pixels are hit at each threshold that Dice is as given (fp = 0, so that
    Dice = 2 h / (h + 100)); 0 at the others."""
    rows = []
    for place, unit in enumerate(UNITS):
        for label in range(1, classes + 1):
            for threshold in THRESHOLDS:
                value = dice.get(round(float(threshold), 2), [0.0] * 4)[place]
                hits = round(100 * value / (2 - value))
                rows.append({"patient": unit, "class": label, "threshold": threshold, "tp": hits, "fp": 0, "fn": 100 - hits})
    return pd.DataFrame(rows)


def dice(hits: int) -> float:
    return 2 * hits / (hits + 100)


def test_the_own_threshold_of_a_unit_is_that_of_the_others():
    scores = pd.DataFrame(0.0, UNITS, THRESHOLDS)
    scores[0.5] = [0.4, 0.5, 0.5, 0.5]
    scores[0.3] = [0.9, 0.45, 0.4, 0.5]
    assert decision.best(scores) == 0.3  # 2.25 against 1.9 over all
    # Without a: 1.35 at 0.3 against 1.5 at 0.5; without b: 1.8 against 1.4; c: 1.85 against 1.4; d: 1.75 against 1.4
    assert [THRESHOLDS[place] for place in decision.chosen(scores)] == [0.5, 0.3, 0.3, 0.3]
    found = decision.patients(scores)
    assert found["half"].to_list() == [0.4, 0.5, 0.5, 0.5]
    assert found["own"].to_list() == [0.4, 0.45, 0.4, 0.5]


def test_a_unit_without_a_value_is_left_out_for_the_others():
    scores = pd.DataFrame(0.0, UNITS, THRESHOLDS)
    scores[0.5], scores[0.2] = [0.6, 0.6, np.nan, 0.5], [0.5, 0.5, np.nan, 0.9]
    # Without a or b: 0.70 against 0.55 in the mean of the two that are left; without d: 0.5 against 0.6; c counts for nobody
    assert [THRESHOLDS[place] for place in decision.chosen(scores)] == [0.2, 0.2, 0.2, 0.5]


def test_three_differences_by_hand():
    """CE is low at 0.5 and as good as CE + DL at 0.3, so the threshold does all that the Dice term does."""
    low, high, jitter = [0.5, 0.52, 0.54, 0.5], [0.8, 0.82, 0.84, 0.8], [0.0, 0.02, 0.01, 0.0]
    ce = {seed: {0.5: [value + 0.01 * seed for value in low], 0.3: high} for seed in range(3)}
    ce_dl = {seed: {0.5: [value + extra for value, extra in zip(high, jitter, strict=True)]} for seed in range(3)}
    tables = {("mine", loss, seed): table(of[seed]) for loss, of in (("ce", ce), ("ce_dl", ce_dl)) for seed in of}
    maps = {key: decision.patients(decision.scores(rows)).rename(columns={"half": "dice"}) for key, rows in tables.items()}
    found = decision.judge(tables, maps, {"mine": "patient"}, 0.01, {"mine": 1}, {"mine": True}).set_index("measure")
    by_seed = {loss: np.stack([maps["mine", loss, seed]["dice"] for seed in range(3)]) for loss in ("ce", "ce_dl")}
    own = np.stack([maps["mine", "ce", seed]["own"] for seed in range(3)])
    assert found.loc["half", "mean"] == pytest.approx((by_seed["ce_dl"] - by_seed["ce"]).mean())
    assert found.loc["mixed", "mean"] == pytest.approx((by_seed["ce_dl"] - own).mean())
    assert found.loc["mixed", "low"] == pytest.approx(paired(by_seed["ce_dl"] - own, 0.01).low)
    assert found.loc["half", "ce_dl"] - found.loc["half", "ce"] == pytest.approx(found.loc["half", "mean"])
    assert found["ce_threshold"].unique() == pytest.approx([0.3])
    assert found["theory"].unique() == pytest.approx([np.mean([dice(round(100 * value / (2 - value))) for value in high]) / 2])
    assert found.loc["half", "verdict"] == "confirmed"


def test_one_class_against_the_rest_is_not_judged_where_the_label_maps_say_another_dice():
    tables = {("mine", loss, seed): table({0.5: [0.8] * 4}, classes=2) for loss in ("ce", "ce_dl") for seed in range(2)}
    maps = {key: pd.DataFrame({"dice": [0.6] * 4}, UNITS) for key in tables}
    found = decision.judge(tables, maps, {"mine": "patient"}, 0.01, {"mine": 1}, {"mine": False})
    assert found["verdict"].unique() == ["not measured"]
    assert found["apart"].unique() == pytest.approx([dice(67) - 0.6])


def test_counts_at_own_thresholds_are_pooled():
    rows = table({0.5: [dice(40)] * 4, 0.3: [dice(60), dice(60), dice(60), dice(20)]})
    # Without d, 0.3 is better by far; without another one it is (60 + 60 + 20) against 3 · 40, by Dice 0.611 against 0.571
    assert decision.pooled(rows, 1000)["dice"] == pytest.approx(2 * 200 / (2 * 200 + 200))
    assert decision.pooled(rows, 1000)["pixel_error"] == pytest.approx(200 / 1000)
