"""Table 1: the numbers are those of the counts, the arrows tell the truth, synthetic data is called synthetic."""

import pandas as pd
import pytest

from cedice import evaluation, tables
from cedice.errors import CediceError
from cedice.metrics import CONVENTIONS, METRICS
from cedice.params import ARMS, DATASETS

RECORD = {
    "device": "a test",
    "versions": {"torch": "2"},
    "settings": {"autocast": "float32", "base_channels": 8},
    "wall_seconds": 90.0,
    "revision": "0123456789abcdef+changes",
}


def counts_with(wrong: int, classes: int) -> pd.DataFrame:
    """One slice of 100 pixels a class, of which ``wrong`` of class 1 are taken for background."""
    rows = [{"class": label, "tp": 100, "fp": 0, "fn": 0} for label in range(classes)]
    rows[1] |= {"tp": 100 - wrong, "fn": wrong}
    rows[0]["fp"] = wrong
    table = pd.DataFrame(rows).assign(slice="s", volume="v", patient="p")
    return table.assign(tn=100 * classes - table[["tp", "fp", "fn"]].sum(axis=1))


def run_with(wrong: int, classes: int, epochs: int = 12) -> tables.Run:
    counts = counts_with(wrong, classes)
    last = {f"{m}_{c}": v for c, values in evaluation.pooled_headline(counts).items() for m, v in values.items()}
    before = {name: value - 0.1 for name, value in last.items()}
    history = pd.DataFrame([before] * (epochs - 1) + [last])
    return tables.Run(counts, history, RECORD)


def runs_with(ce: int, ce_dl: int) -> tables.Runs:
    classes = {"acdc": 4, "covid19": 2}
    wrong = {"ce": ce, "ce_dl": ce_dl}
    return {(dataset, arm): run_with(wrong[arm], classes[dataset]) for dataset in DATASETS for arm in ARMS}


def test_the_keys_are_stable_and_the_values_those_of_the_counts():
    found = tables.metrics(runs_with(20, 10))
    assert list(found) == ["acdc", "covid19"]
    arm = found["acdc"]["ce_dl"]
    assert list(arm) == [*METRICS, "foreground", "last_epochs", "paper", "minus_paper"]
    dice = [200 / 210, 180 / 190, 1, 1]
    assert arm["dice"] == pytest.approx(sum(dice) / 4, abs=1e-6)
    assert arm["foreground"]["dice"] == pytest.approx(sum(dice[1:]) / 3, abs=1e-6)
    assert arm["pixel_error"] == pytest.approx(10 / 400)
    assert arm["minus_paper"]["dice"] == pytest.approx(arm["dice"] - 0.9213, abs=1e-6)
    spread = arm["last_epochs"]["foreground"]["iou"]
    assert spread["n"] == 10
    assert spread["mean"] == pytest.approx(arm["foreground"]["iou"] - 0.09, abs=1e-6)
    assert spread["std"] == pytest.approx(0.1 * (10 * 0.1 * 0.9 / 9) ** 0.5, abs=1e-6)
    assert found["acdc"]["ce_dl_minus_ce"]["with_background"]["pixel_error"] == pytest.approx(-0.025)


@pytest.mark.parametrize(("ce", "ce_dl", "up", "error"), [(20, 10, "↑", "↓"), (10, 20, "↓", "↑"), (10, 10, "=", "=")])
def test_arrows_say_what_happened(ce, ce_dl, up, error):
    runs = runs_with(ce, ce_dl)
    found = tables.metrics(runs)
    rows = tables.csv_rows(found).query("loss == 'ce_dl'")
    assert set(rows.query("metric != 'pixel_error'")["direction"]) == {up}
    assert set(rows.query("metric == 'pixel_error'")["direction"]) == {error}
    text = tables.markdown(found, runs, "small", synthetic=False, alpha=1)
    ours = [line for line in text.splitlines() if line.startswith("| ours, including") and "CE + DL" in line]
    assert len(ours) == 2  # of Table 1, and of the last epochs, which have no arrows
    assert ours[0].count(up) == (6 if up == error else 4)


def test_the_csv_has_every_number_once():
    rows = tables.csv_rows(tables.metrics(runs_with(20, 10)))
    assert len(rows) == len(DATASETS) * len(ARMS) * len(CONVENTIONS) * len(METRICS)
    assert not rows.duplicated(["dataset", "loss", "convention", "metric"]).any()


def test_synthetic_data_is_called_synthetic():
    runs = runs_with(20, 10)
    found = tables.metrics(runs)
    assert "not comparable" in tables.markdown(found, runs, "demo", synthetic=True, alpha=1)
    real = tables.markdown(found, runs, "small", synthetic=False, alpha=0.5)
    assert "ynthetic" not in real
    assert "CE + 0.5 · DL" in real


def test_history_and_counts_of_different_trainings_are_refused():
    runs = runs_with(20, 10)
    runs["acdc", "ce"] = tables.Run(counts_with(30, 4), runs["acdc", "ce"].history, RECORD)
    with pytest.raises(CediceError, match=r"acdc ce: dice .* different trainings"):
        tables.metrics(runs)


def test_a_value_that_does_not_exist_is_null():
    runs = runs_with(20, 10)
    nothing = pd.DataFrame(
        [{"slice": "s", "volume": "v", "patient": "p", "class": c, "tp": 400 * (c == 0), "fp": 0, "fn": 0} for c in range(4)]
    )
    values = evaluation.pooled_headline(nothing)
    history = pd.DataFrame([{f"{m}_{c}": v for c, found in values.items() for m, v in found.items()}])
    runs["acdc", "ce"] = tables.Run(nothing, history, RECORD)
    found = tables.metrics(runs)
    assert found["acdc"]["ce"]["foreground"]["dice"] is None
    assert found["acdc"]["ce"]["last_epochs"]["foreground"]["dice"] == {"mean": None, "std": None, "n": 0}
    assert "– |" in tables.markdown(found, runs, "small", synthetic=False, alpha=1)
