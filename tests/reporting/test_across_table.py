"""The table and the figure of all studies."""

import pandas as pd

from cedice.reporting.across import figure, markdown

LEVELS = {"ce_half": 0.6, "ce_own": 0.65, "ce_dl_half": 0.66, "ce_dl_own": 0.67, "ce_threshold": 0.25, "ce_dl_threshold": 0.3}
ENDS = {f"{key}_{end}": value for key in ("half", "own", "mixed") for end, value in (("low", -0.01), ("high", 0.1))}
ROW = {"study": "small", "dataset": "covid19", "exact": True, "uncertain": 0.3, "theory": 0.35, **LEVELS, **ENDS}
COVID = ROW | {"threshold_gain": 0.05, "half": 0.06, "own": 0.02, "mixed": 0.01}
ACDC = COVID | {"dataset": "acdc", "exact": False, "uncertain": 0.1, "theory": 0.45, "ce_threshold": 0.45, "half": -0.01}
ROWS = pd.DataFrame([ACDC, COVID, COVID | {"study": "recipe", "ce_threshold": 0.4, "uncertain": 0.31, "threshold_gain": 0.06}])
ANSWER = {"study": "recipe", "dataset": "acdc", "unit": "patient", "units": 100, "seeds": 5, "ce": 0.9, "ce_dl": 0.91}
ANSWER |= {"mean": 0.01, "low": 0.002, "high": 0.018, "verdict": "confirmed", "p_all": 0.0213}
ANSWERS = pd.DataFrame([ANSWER | {"pooled_ce": 0.92, "pooled_ce_dl": 0.93}, ANSWER | {"study": "small", "dataset": "covid19"}])


def test_the_table_says_every_number_and_how_far_theory_is_off():
    text = " ".join(markdown(ANSWERS, ROWS).split())
    levels = "| 0.6000 | 0.6500 (0.25) | 0.6600 | 0.6700 (0.30) | +0.0500 |"
    assert f"| COVID-19 | small | 0.3000 | 0.35 {levels} +0.0600 (-0.0100 … +0.1000) | +0.0200 (" in text
    assert "| ACDC (one class against the rest) | small | 0.1000 | 0.45 |" in text
    levels = "0.9000 | 0.9100 | +0.0100 | +0.0020 … +0.0180 | confirmed | 0.021 | 0.9200 → 0.9300 |"
    assert f"| ACDC | each loss at a rate of its own (`recipe`) | 100 patients, 5 seeds | {levels}" in text
    assert "minus D*/2 is +0.00 on ACDC, -0.10 to +0.05 on COVID-19" in text


def test_every_gain_has_its_mark_and_every_data_set_its_own_marker():
    left, right = figure(ROWS).axes
    marks = [line for line in right.lines if line.get_marker() != "None"]
    assert sorted(line.get_ydata()[0] for line in marks) == sorted([*ROWS["threshold_gain"], *ROWS["half"]])
    assert len({line.get_marker() for line in left.lines if line.get_marker() != "None"}) == 2
