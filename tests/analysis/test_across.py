"""Gains of a threshold and of the Dice term in all studies: theory held against brute force, rows against their tables."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from conftest import ROOT

from cedice import paths
from cedice.analysis.across import answers, rank, table, uniform
from cedice.evaluation import record
from cedice.tables import read_table


def judged(dataset: str, best: float, half: tuple[float, float], own: tuple[float, float]) -> pd.DataFrame:
    """The rows that `decision.judge` gives of one data set, as far as they are read."""
    rows = []
    for measure, (ce, ce_dl) in {"half": half, "own": own, "mixed": (own[0], half[1])}.items():
        gain = ce_dl - ce
        told = {
            "dataset": dataset,
            "measure": measure,
            "exact": True,
            "theory": best / 2,
            "ce_threshold": 0.3,
            "ce_dl_threshold": 0.4,
        }
        rows.append(told | {"ce": ce, "ce_dl": ce_dl, "mean": gain, "low": gain - 0.01, "high": gain + 0.01})
    return pd.DataFrame(rows)


@pytest.mark.parametrize("unsure", [0.01, 0.1, 1, 10])
def test_even_probabilities_gain_what_a_search_over_all_thresholds_gains(unsure):
    """A sure pixel, and `unsure` pixels at each of many probabilities: the expected Dice at every threshold, counted."""
    probability = np.append((np.arange(20_000) + 0.5) / 20_000, 1.0)
    weight = np.append(np.full(20_000, unsure / 20_000), 1.0)

    def dice(threshold: float) -> float:
        marked = probability >= threshold
        return 2 * (probability * weight)[marked].sum() / (weight[marked].sum() + (probability * weight).sum())

    best = max(map(dice, np.linspace(0.3, 0.6, 1201)))
    assert uniform(best) == pytest.approx(best - dice(0.5), abs=2e-5)


def test_there_is_no_gain_where_all_is_sure_and_no_such_network_below_three_minus_the_root_of_five():
    assert uniform(1.0) == pytest.approx(0)
    assert np.isnan(uniform(3 - 5**0.5 - 1e-3))


def test_a_row_a_study_and_data_set_the_least_uncertain_first():
    first = judged("covid19", 0.7, (0.60, 0.66), (0.65, 0.67))
    second = pd.concat([judged("acdc", 0.9, (0.89, 0.90), (0.891, 0.90)), judged("hippocampus", 0.8, (0.8, 0.8), (0.8, 0.8))])
    second.loc[second["dataset"] == "hippocampus", "mean"] = np.nan  # no answer
    rows = table({"small": first, "recipe": second})
    assert rows[["study", "dataset"]].to_numpy().tolist() == [["recipe", "acdc"], ["small", "covid19"]]
    covid = rows.iloc[1]
    assert covid[["uncertain", "theory", "ce_threshold", "ce_dl_threshold"]].tolist() == pytest.approx([0.3, 0.35, 0.3, 0.4])
    assert covid[["ce_half", "ce_own", "ce_dl_half", "ce_dl_own"]].tolist() == pytest.approx([0.60, 0.65, 0.66, 0.67])
    assert covid[["threshold_gain", "half", "own", "mixed"]].tolist() == pytest.approx([0.05, 0.06, 0.02, 0.01])
    assert covid[["own_low", "own_high"]].tolist() == pytest.approx([0.01, 0.03])
    assert rank(rows, "uncertain", "half") == pytest.approx(1)


@pytest.mark.parametrize(("study", "dataset"), [("small", "covid19"), ("recipe", "acdc")])
def test_an_answer_is_the_verdict_beside_its_levels(study, dataset):
    """Levels counted anew from the record: per unit, then over classes, units and seeds."""
    row = pd.read_csv(ROOT / "reports/across/answers.csv").set_index(["study", "dataset"]).loc[study, dataset]
    counts = record.load(ROOT / paths.record(study), "counts", [dataset]).query("readout == 'averaged' and `class` > 0")
    sums = counts.groupby(["loss", "seed", "patient", "class"])[["tp", "fp", "fn"]].sum()
    scores = 2 * sums["tp"] / (2 * sums["tp"] + sums["fp"] + sums["fn"])
    levels = scores.groupby(["loss", "seed"]).mean().groupby("loss").mean()
    assert row[["ce", "ce_dl"]].tolist() == pytest.approx(levels[["ce", "ce_dl"]].tolist(), rel=1e-4)
    assert row["ce_dl"] - row["ce"] == pytest.approx(row["mean"], abs=2e-6)
    verdict = read_table(ROOT / paths.tables(study) / "verdict.csv").query("readout == 'averaged' and dataset == @dataset")
    expected = verdict.set_index("measure").loc["dice", ["mean", "low", "high", "verdict", "units", "seeds"]]
    assert row[["mean", "low", "high", "verdict", "units", "seeds"]].tolist() == expected.tolist()


def test_p_is_corrected_over_all_studies():
    """The smallest of four times four, and none below the one before it."""
    p = [0.04, 0.001, 0.02, 0.5]
    error = 1 / scipy.stats.t.isf(np.array(p) / 2, 7)
    verdict = pd.DataFrame({"dataset": list("abcd"), "measure": "dice", "mean": 1.0, "error": error, "freedom": 7.0})
    verdict = verdict.assign(unit="slice", units=9, seeds=3, margin=0.01, ce=0, ce_dl=1, low=0, high=1, verdict="")
    pooled = pd.DataFrame(
        [(name, loss, 0.5) for name in "abcd" for loss in ("ce", "ce_dl")], columns=["dataset", "loss", "mean"]
    )
    pooled = pooled.assign(convention="foreground", metric="dice")
    rows = answers({"small": verdict.iloc[:3], "paper": verdict.iloc[3:]}, {"small": pooled, "paper": pooled})
    assert rows["p_all"].to_list() == pytest.approx([0.08, 0.004, 0.06, 0.5])


def test_every_study_that_has_a_verdict_is_answered():
    judged = {path.parents[1].name: pd.read_csv(path)["dataset"] for path in ROOT.glob("reports/*/tables/verdict.csv")}
    trained = {(study, name) for study, names in judged.items() if study not in ("demo", "own") for name in names}
    rows = pd.read_csv(ROOT / "reports/across/answers.csv")
    assert sorted(zip(rows["study"], rows["dataset"], strict=True)) == sorted(trained)
