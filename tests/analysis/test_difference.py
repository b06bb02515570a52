"""Quality or speed: the rule by hand."""

import shutil

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from scipy import stats

from cedice.analysis.difference import NEITHER, QUALITY, SPEED, UNTESTABLE, answer, best, over_epochs
from cedice.evaluation.runs import Run, load
from cedice.files import write_csv
from cedice.reporting.difference import figure, markdown
from cedice.reporting.markdown import of_validated
from cedice.tables import read_text
from cedice.training.validation import due


def runs(curves: list[list[float]]) -> dict:
    """CE stays at 0.5; of each seed CE + DL is better by so much after each epoch."""
    table = {}
    for seed, gains in enumerate(curves):
        for loss, gain in (("ce", 0.0), ("ce_dl", np.array(gains))):
            history = pd.DataFrame({"epoch": range(1, len(gains) + 1), "dice_foreground": 0.5 + gain})
            table["acdc", loss, seed] = Run(pd.DataFrame(), history, {})
    return table


def found(curves: list[list[float]], margin: float = 0.01):
    return answer(over_epochs({"averaged": runs(curves)}), margin)


def test_the_interval_is_students_over_the_seeds():
    last = over_epochs({"last": runs([[0.1, 0.02], [0.2, 0.04], [0.3, 0.09]])}).iloc[-1]
    theirs = stats.ttest_1samp([0.02, 0.04, 0.09], 0).confidence_interval(0.95)
    assert (last["mean"], last["std"]) == pytest.approx((0.05, np.std([0.02, 0.04, 0.09], ddof=1)))
    assert (last["low"], last["high"]) == pytest.approx((theirs.low, theirs.high))


def test_the_rule_by_hand():
    gone = found([[0.5, 0.1, 0.008, 0.002], [0.5, 0.1, 0.006, 0.003]])
    assert (gone.kind, gone.epoch, gone.epochs, gone.settled) == (SPEED, 3, 4, True)
    back = found([[0.5, 0.0, 0.1, 0.002], [0.5, 0.0, 0.1, 0.003]])  # within the margin, and out of it again
    assert (back.kind, back.epoch) == (SPEED, 4)
    stays = found([[0.5, 0.05, 0.04], [0.5, 0.05, 0.041]])
    assert (stays.kind, stays.settled) == (QUALITY, True)
    assert found([[0.5, 0.05, -0.04], [0.5, 0.05, -0.041]]).kind == QUALITY
    assert not found([[0.5, 0.05, 0.01], [0.5, 0.05, 0.05]]).settled
    assert found([[0.001, 0.002], [0.002, 0.001]]).kind == NEITHER
    assert found([[0.5, 0.001]]).kind == UNTESTABLE


def test_when_networks_are_at_their_best_by_hand():
    """CE is best after epoch 2 (0.7), CE + DL after epoch 3 (0.6875): both seeds together, the earlier one first."""
    curves = {"ce": [[0.5, 0.75, 0.5, 0.5, 0.5], [0.5, 0.65, 0.6, 0.6, 0.6]]}
    curves |= {"ce_dl": [[0.5, 0.5, 0.6875, 0.625, 0.625]] * 2}
    trained = {
        ("acdc", loss, seed): Run(pd.DataFrame(), pd.DataFrame({"epoch": range(1, 6), "dice_foreground": curve}), {})
        for loss, of in curves.items()
        for seed, curve in enumerate(of)
    }
    of = best(trained, "acdc")
    assert (of.epoch, of.epochs, of.past) == ({"ce": 2, "ce_dl": 3}, 5, True)
    assert (of.dice["ce"], of.last["ce"], of.dice["ce_dl"]) == pytest.approx((0.7, 0.55, 0.6875))
    assert (of.early, of.late) == pytest.approx((-0.2, 0.075))
    shorter = {key: Run(run.counts, run.history[:3], {}) for key, run in trained.items()}
    assert not best(shorter, "acdc").past


def test_curves_are_of_the_epochs_after_which_all_trainings_were_validated(tmp_path):
    """One training of today beside others of before, when every epoch was validated."""
    shutil.copytree(ROOT / "reports/small/record/covid19", tmp_path / "covid19")
    before = load(tmp_path, ["covid19"])["averaged"]
    file = tmp_path / "covid19/history.csv"
    rows = read_text(file)
    at = [epoch for epoch in range(1, 101) if due(epoch, 100)]
    of_training = ["loss", "seed", "epoch", "learning_rate", "train_loss", "train_ce", "train_dice_loss", "seconds"]
    today = (rows["loss"] == "ce") & (rows["seed"] == "0") & ~rows["epoch"].isin(map(str, at))
    rows.loc[today, rows.columns.difference(of_training)] = ""
    write_csv(file, rows)
    after = load(tmp_path, ["covid19"])["averaged"]
    for key, run in after.items():
        there = before[key].history
        assert run.epochs == 100 and list(run.history["epoch"]) == at
        pd.testing.assert_frame_equal(run.history, there[there["epoch"].isin(at)].reset_index(drop=True), check_dtype=False)
    whole = over_epochs({"averaged": before}).set_index("epoch")
    part = over_epochs({"averaged": after}).set_index("epoch")
    pd.testing.assert_frame_equal(part, whole.loc[at])
    of = best(after, "covid19")
    assert of.epochs == 100 and set(of.epoch.values()) <= set(at)
    assert (
        of.dice["ce"]
        == np.mean([run.history["dice_foreground"] for key, run in before.items() if key[1] == "ce"], axis=0)[
            of.epoch["ce"] - 1
        ]
    )
    assert answer(part.reset_index(), 0.01).epochs == 100
    assert (of_validated(3, before["covid19", "ce", 0]), of_validated(3, after["covid19", "ce", 0])) == ("3", "3 of 28")


def test_the_report_rests_on_the_averaged_network():
    last, averaged = [[0.5, 0.3], [0.5, 0.1]], [[0.5, 0.002], [0.5, 0.003]]
    table = over_epochs({"last": runs(last), "averaged": runs(averaged)})
    text = markdown(table, "small", False, 0.01)
    words = "**ACDC**: speed at most: the difference comes within ± 0.01 only with the last epoch, 2: +0.0025 (-0.0039"
    assert words in text
    assert "| ACDC | last epoch | 2 | +0.2000 |" in text
    longer = markdown(over_epochs({"averaged": runs([[0.5, 0.002, 0.002], [0.5, 0.003, 0.003]])}), "small", False, 0.01)
    assert "**ACDC**: speed: the difference is gone after epoch 2 of 3, and is +0.0025" in longer
    alone = markdown(over_epochs({"last": runs(last)}), "small", False, 0.01)
    assert "**ACDC**: quality: the difference is still +0.2000" in alone
    assert "not settled, for the interval reaches within ± 0.01." in alone
    one = over_epochs({"last": runs(last[:1])})
    assert "not testable, one training a loss (+0.3000 after the last epoch)" in markdown(one, "own", False, 0.01)
    axes = figure(table, "a test", 0.01).axes[0]
    assert [line.get_ydata()[-1] for line in axes.lines[1:]] == pytest.approx([0.2, 0.0025])
    figure(one, "a test", 0.01)
