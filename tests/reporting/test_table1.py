"""Table 1: the numbers are those of the counts, the arrows tell the truth, synthetic data is called synthetic."""

import itertools

import pandas as pd
import pytest

from cedice.analysis import table1
from cedice.analysis.mixtures import Fitted
from cedice.errors import CediceError
from cedice.evaluation.counts import pooled_headline
from cedice.evaluation.runs import Run, Runs
from cedice.metrics import CONVENTIONS, METRICS
from cedice.paper import NAMING_TITLES
from cedice.params import DATASETS, LOSSES
from cedice.reporting import table1 as reported

UNITS = {"acdc": "patient", "covid19": "slice"}
ONE = dict.fromkeys(UNITS, 1)  # no folds
OWN = dict.fromkeys(itertools.product(UNITS, LOSSES), dict.fromkeys(METRICS, (0.5, 0.01)))  # at thresholds of their own
RECORD = {
    "device": "a test",
    "versions": {"torch": "2"},
    "settings": {"precision": "float32", "base_channels": 8, "norm": "batch"},
    "wall_seconds": 90.0,
    "peak_memory_mb": {"main": 1234},
    "revision": "0123456789abcdef+changes",
}


def markdown(summary: dict, runs: Runs, study: str, synthetic: bool, alpha: float) -> str:
    return reported.markdown({"last": summary}, runs, {}, study, synthetic, alpha, UNITS, ONE, OWN)


def counts_with(wrong: int, classes: int) -> pd.DataFrame:
    """One slice of 100 pixels a class, of which ``wrong`` of class 1 are taken for background."""
    rows = [{"class": label, "tp": 100, "fp": 0, "fn": 0} for label in range(classes)]
    rows[1] |= {"tp": 100 - wrong, "fn": wrong}
    rows[0]["fp"] = wrong
    table = pd.DataFrame(rows).assign(slice="s", volume="v", patient="p")
    return table.assign(tn=100 * classes - table[["tp", "fp", "fn"]].sum(axis=1))


def run_with(wrong: int, classes: int, epochs: int = 12, collapsed: int = 0) -> Run:
    counts = counts_with(wrong, classes)
    last = {f"{m}_{c}": v for c, values in pooled_headline(counts).items() for m, v in values.items()}
    before = {name: value - 0.1 for name, value in last.items()}
    history = pd.DataFrame([before] * (epochs - 1) + [last]).assign(collapsed=collapsed, epoch=range(1, epochs + 1))
    return Run(counts, history, RECORD)


def runs_with(ce: int, ce_dl: int, more: tuple[tuple[int, int], ...] = ()) -> Runs:
    """Seed 0 with these numbers of wrong pixels, the seeds after it with those of ``more``."""
    classes = {"acdc": 4, "covid19": 2}
    return {
        (dataset, loss, seed): run_with(wrong[LOSSES.index(loss)], classes[dataset])
        for dataset in DATASETS
        for loss in LOSSES
        for seed, wrong in enumerate(((ce, ce_dl), *more))
    }


def test_the_keys_are_stable_and_the_values_those_of_the_counts():
    found = table1.summary(runs_with(20, 10), "last")
    assert list(found) == ["acdc", "covid19"]
    loss = found["acdc"]["ce_dl"]
    assert list(loss) == [*METRICS, "foreground", "std", "seeds", "collapsed", "last_epochs", "paper", "minus_paper"]
    dice = [200 / 210, 180 / 190, 1, 1]
    assert loss["dice"] == pytest.approx(sum(dice) / 4, abs=1e-6)
    assert loss["foreground"]["dice"] == pytest.approx(sum(dice[1:]) / 3, abs=1e-6)
    assert loss["pixel_error"] == pytest.approx(10 / 400)
    assert loss["minus_paper"]["dice"] == pytest.approx(loss["dice"] - 0.9213, abs=1e-6)
    spread = loss["last_epochs"]["foreground"]["iou"]
    assert (spread["n"], spread["std"]) == (1, None)
    assert spread["mean"] == pytest.approx(loss["foreground"]["iou"] - 0.09, abs=1e-6)
    assert spread["epoch_std"] == pytest.approx(0.1 * (10 * 0.1 * 0.9 / 9) ** 0.5, abs=1e-6)
    assert found["acdc"]["ce_dl_minus_ce"]["with_background"]["pixel_error"] == {"mean": -0.025, "std": None, "n": 1}


def test_the_difference_over_the_last_epochs_is_that_of_their_means():
    runs = runs_with(20, 10)
    runs["acdc", "ce_dl", 0] = run_with(10, 4, epochs=1)  # the others end 0.1 above their nine epochs before
    found = table1.summary(runs, "last")["acdc"]
    last, tail = (found[key]["foreground"]["dice"]["mean"] for key in ("ce_dl_minus_ce", "ce_dl_minus_ce_last_epochs"))
    assert tail == pytest.approx(last + 0.09, abs=1e-6)


def test_several_seeds_give_a_mean_with_its_spread():
    # Pixel errors on ACDC: CE 20, 40, 60 of 400; CE + DL 10, 20, 60; differences −10, −20, 0.
    runs = runs_with(20, 10, more=((40, 20), (60, 60)))
    found = table1.summary(runs, "last")["acdc"]
    assert found["ce"]["seeds"] == 3
    assert found["ce"]["pixel_error"] == pytest.approx(0.1)
    assert found["ce"]["std"]["with_background"]["pixel_error"] == pytest.approx(0.05)
    change = found["ce_dl_minus_ce"]["foreground"]["pixel_error"]
    assert change == {"mean": pytest.approx(-0.025), "std": pytest.approx(0.025), "n": 3}
    assert found["ce"]["last_epochs"]["foreground"]["pixel_error"]["std"] == pytest.approx(0.05)
    text = markdown(table1.summary(runs, "last"), runs, "small", synthetic=False, alpha=1)
    assert "0.1000 ± 0.0500 |" in text
    assert "-0.0250 ± 0.0250 |" in text
    assert text.count("1.5 min") == 2 * 2 * 3  # a line for each training


def test_a_collapsed_network_is_named():
    runs = runs_with(20, 10, more=((40, 20),))
    runs["acdc", "ce", 1] = run_with(40, 4, collapsed=1)
    found = table1.summary(runs, "last")
    assert (found["acdc"]["ce"]["collapsed"], found["acdc"]["ce_dl"]["collapsed"]) == (1, 0)
    text = markdown(found, runs, "small", synthetic=False, alpha=1)
    assert "† **Collapsed**: ACDC, CE, last epoch: in 1 of 2 trainings" in text
    assert text.count("†") == 2 * 3 + 1  # both conventions, three metrics, the note
    told = "background only after at least one epoch: ACDC, CE 1 of 2, CE + DL 0 of 2."
    assert told in " ".join(text.split())
    assert "background only after" not in markdown(
        table1.summary(runs_with(20, 10), "last"), runs_with(20, 10), "small", False, 1
    )
    assert "Collapsed" not in markdown(table1.summary(runs_with(20, 10), "last"), runs_with(20, 10), "small", False, 1)


@pytest.mark.parametrize(("ce", "ce_dl", "up", "error"), [(20, 10, "↑", "↓"), (10, 20, "↓", "↑"), (10, 10, "=", "=")])
def test_arrows_say_what_happened(ce, ce_dl, up, error):
    runs = runs_with(ce, ce_dl)
    found = table1.summary(runs, "last")
    rows = table1.csv_rows({"last": found}, {}).query("loss == 'ce_dl'")
    assert set(rows.query("metric != 'pixel_error'")["direction"]) == {up}
    assert set(rows.query("metric == 'pixel_error'")["direction"]) == {error}
    text = markdown(found, runs, "small", synthetic=False, alpha=1)
    ours = [line for line in text.splitlines() if line.startswith("| ours, including") and "CE + DL" in line]
    assert len(ours) == 2  # of Table 1, and of the last epochs, which have no arrows
    assert ours[0].count(up) == (6 if up == error else 4)


def test_the_csv_has_every_number_once():
    rows = table1.csv_rows(
        {"last": table1.summary(runs_with(20, 10), "last"), "averaged": table1.summary(runs_with(20, 10), "averaged")},
        {},
    )
    assert len(rows) == 2 * len(DATASETS) * len(LOSSES) * len(CONVENTIONS) * len(METRICS)
    assert not rows.duplicated(["readout", "dataset", "loss", "convention", "metric"]).any()


def test_synthetic_data_is_called_synthetic():
    runs = runs_with(20, 10)
    found = table1.summary(runs, "last")
    assert "not comparable" in markdown(found, runs, "demo", synthetic=True, alpha=1)
    real = markdown(found, runs, "small", synthetic=False, alpha=0.5)
    assert "ynthetic" not in real
    assert "CE + 0.5 · DL" in real
    short = reported.terminal({"last": found, "averaged": found}, "demo", synthetic=True, alpha=1)
    assert len(short.splitlines()) <= 10
    assert "synthetic data" in short.splitlines()[0]
    assert all("(synthetic)" in line for line in short.splitlines()[2:])
    assert "ACDC      last epoch  CE + DL  0.9749↑" in reported.terminal({"last": found}, "small", synthetic=False, alpha=1)


def test_both_networks_stand_in_the_table_and_the_paper_beside_the_last_epoch_alone():
    last, averaged = runs_with(20, 10), runs_with(8, 10)
    tables = {"last": table1.summary(last, "last"), "averaged": table1.summary(averaged, "averaged")}
    assert tables["averaged"]["acdc"]["ce"]["paper"] == dict.fromkeys(METRICS)
    assert tables["averaged"]["acdc"]["ce"]["minus_paper"] == dict.fromkeys(METRICS)
    rows = table1.csv_rows(tables, {}).set_index("readout")
    assert rows.loc["last", "paper"].notna().sum() == 12
    assert rows.loc["averaged", "paper"].isna().all()
    text = reported.markdown(tables, last, {}, "small", False, 1, UNITS, ONE, OWN)
    assert "| the paper | last epoch | CE |" in text
    assert (
        text.count("| averaged | CE |") == 2 * 2 + 1
    )  # of Table 1 and the last epochs, in both averages; at its own threshold
    assert text.count("ours minus the paper's | last epoch |") == 2
    assert "seed by seed | averaged | " in text
    assert "are from before the averaged network" not in text
    assert "are from before the averaged" in " ".join(markdown(tables["last"], last, "small", False, 1).split())


def test_data_sets_may_have_other_seeds():
    runs = runs_with(20, 10, more=((40, 20),))
    del runs["acdc", "ce", 1], runs["acdc", "ce_dl", 1]
    found = table1.summary(runs, "last")
    assert (found["acdc"]["ce"]["seeds"], found["covid19"]["ce"]["seeds"]) == (1, 2)
    text = " ".join(markdown(found, runs, "small", False, 1).split())
    assert "of COVID-19: 2 trainings (seeds 0, 1); ACDC: 1 training (seed 0): counts" in text
    assert "(1 training or 2 trainings a row)" in reported.terminal({"last": found}, "small", False, 1)


def test_a_mixture_is_a_row_without_spread():
    values = pooled_headline(counts_with(50, 2))
    chosen = {"features": ["intensity", "position"], "components": [{}, {}, {}]}
    mixtures = {"labels": {"covid19": Fitted(values, chosen)}}
    runs = runs_with(20, 10)
    tables = {"last": table1.summary(runs, "last")}
    text = reported.markdown(tables, runs, mixtures, "small", False, 1, UNITS, ONE, OWN)
    row = f"| ours, foreground only | mixture | {NAMING_TITLES['labels']} | 0.6667 | 0.5000 | 0.2500 | – | – | – |"
    assert row in text
    assert "Components named by labels: COVID-19 3 of intensity and position." in " ".join(text.split())
    rows = (
        table1.csv_rows(tables, mixtures).query("readout == 'mixture'").set_index(["dataset", "loss", "convention", "metric"])
    )
    assert len(rows) == len(CONVENTIONS) * len(METRICS)
    assert rows.loc[("covid19", "labels", "foreground", "dice"), "mean"] == pytest.approx(2 / 3, abs=1e-6)


def test_a_training_of_a_fold_is_told_apart_from_one_of_all_patients():
    runs = runs_with(20, 10)
    found = {"last": table1.summary(runs, "last")}
    text = " ".join(reported.markdown(found, runs, {}, "recipe", False, 1, UNITS, ONE | {"acdc": 5}, OWN).split())
    assert "On ACDC each training validates one fold of the patients" in text
    assert "compares the folds' means, with 4 degrees of freedom." in text
    assert "one fold" not in markdown(found["last"], runs, "small", False, 1)


def test_what_the_paper_lacks_is_not_held_against_it():
    runs = {("mine", *key[1:]): run for key, run in runs_with(20, 10).items() if key[0] == "acdc"}
    own = {("mine", loss): OWN["acdc", loss] for loss in LOSSES}
    units, folds = {"mine": "patient"}, {"mine": 1}
    text = reported.markdown({"last": table1.summary(runs, "last")}, runs, {}, "own", False, 1, units, folds, own)
    assert "paper" not in text
    assert "1 training (seed 0)" in text
    assert "| 1 slice, 1 patient |" in text


def test_the_paper_is_held_against_its_own_average():
    found = table1.summary(runs_with(20, 10), "last")
    covid, acdc = found["covid19"]["ce"], found["acdc"]["ce"]
    assert covid["minus_paper"]["dice"] == pytest.approx(covid["foreground"]["dice"] - 0.9497, abs=1e-6)
    assert acdc["minus_paper"]["dice"] == pytest.approx(acdc["dice"] - 0.9090, abs=1e-6)
    rows = table1.csv_rows({"last": found}, {}).set_index(["dataset", "convention"])["paper"]
    assert rows["covid19", "foreground"].notna().all()
    assert rows["acdc", "foreground"].isna().all()


def test_history_and_counts_of_different_trainings_are_refused():
    runs = runs_with(20, 10)
    runs["acdc", "ce", 0] = Run(counts_with(30, 4), runs["acdc", "ce", 0].history, RECORD)
    with pytest.raises(CediceError, match=r"acdc ce seed 0: dice .* different trainings"):
        table1.summary(runs, "last")


def test_a_value_that_does_not_exist_is_null():
    runs = runs_with(20, 10)
    nothing = pd.DataFrame(
        [{"slice": "s", "volume": "v", "patient": "p", "class": c, "tp": 400 * (c == 0), "fp": 0, "fn": 0} for c in range(4)]
    )
    values = pooled_headline(nothing)
    history = pd.DataFrame([{f"{m}_{c}": v for c, found in values.items() for m, v in found.items()}]).assign(
        collapsed=1, epoch=1
    )
    runs["acdc", "ce", 0] = Run(nothing, history, RECORD)
    found = table1.summary(runs, "last")
    assert found["acdc"]["ce"]["foreground"]["dice"] is None
    assert found["acdc"]["ce"]["last_epochs"]["foreground"]["dice"] == {"mean": None, "std": None, "n": 0, "epoch_std": None}
    assert "| –† |" in markdown(found, runs, "small", synthetic=False, alpha=1)


def test_the_headline_is_the_foreground_dice_of_each_loss_and_their_difference():
    shown = table1.headline(table1.summary(runs_with(20, 10), "last"))["covid19"]
    assert list(shown) == ["ce", "ce_dl", "gain"]
    assert list(shown.values()) == pytest.approx([160 / 180, 180 / 190, 180 / 190 - 160 / 180], abs=1e-6)
