"""Learning rates: the inner split leaks no patient, the choice by hand, and params.yaml says what was chosen."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st

from cedice import files, params, paths
from cedice.errors import CediceError
from cedice.paths import Training
from cedice.reporting.rates import markdown
from cedice.tables import read_table
from cedice.training import checkpoints, loop, rates, settings


def test_every_fifth_patient_validates_as_they_first_appear():
    patients = ["z", "z", "b", "a", "d", "c", "c", "z", "e", "f", "g", "h", "i"]
    train, val = rates.inner(patients)
    assert [patients[position] for position in val] == ["c", "c", "i"]
    assert sorted([*train, *val]) == list(range(len(patients)))


@given(st.lists(st.sampled_from("abcdefghij"), max_size=30).map(lambda names: [*names, *"abcde"]))
def test_no_patient_is_on_both_sides(patients):
    train, val = ({patients[position] for position in side} for side in rates.inner(patients))
    assert not train & val
    assert (len(train) + len(val), len(val)) == (len(set(patients)), len(set(patients)) // 5)


def test_too_few_patients_are_one_line():
    with pytest.raises(CediceError, match="4 patients train"):
        rates.inner(["a", "b", "c", "d", "a"])


def table(dice: dict[tuple[str, str], list[float]]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"dataset": dataset, "loss": loss, "learning_rate": rate, rates.MEASURE: value, "minutes": 15, "device": "a CPU"}
            for (dataset, loss), values in dice.items()
            for rate, value in zip((0.03, 0.001, 0.01), values, strict=True)
        ]
    )


DICE = {  # means: ce 0.5, 0.75, 0.625; ce_dl 0.75, 0.25, 0.75
    ("covid19", "ce"): [0.75, 0.625, 0.5],
    ("hippocampus", "ce"): [0.25, 0.875, 0.75],
    ("covid19", "ce_dl"): [0.5, 0.25, 1.0],
    ("hippocampus", "ce_dl"): [1.0, 0.25, 0.5],
}


def test_the_highest_mean_is_chosen_and_of_equal_ones_the_lower_rate():
    found = table(DICE)
    assert rates.chosen(found) == {"ce": 0.001, "ce_dl": 0.01}
    text = markdown(found, rates.chosen(found), rates.MEASURE, "recipe")
    assert "**CE 0.001, CE + DL 0.01.**" in text
    assert "| CE + DL | 0.01 | 1.0000 | 0.5000 | 0.7500 | chosen |" in text
    assert text.count("chosen |") == 2
    assert "took 3.0 hours on a CPU." in " ".join(text.split())


def test_a_missing_training_chooses_nothing():
    with pytest.raises(CediceError, match="ce lacks one"):
        rates.chosen(table(DICE).drop(index=0))


def test_both_losses_have_the_rates_that_were_chosen():
    file = ROOT / paths.reports("recipe") / "rates.csv"
    if not file.is_file():
        pytest.skip("no learning rate was chosen yet (stages/rates.py)")
    train = params.load(ROOT / "params.yaml").recipe.train
    assert {loss: train.rate(loss) for loss in params.LOSSES} == rates.chosen(pd.read_csv(file))


def test_the_committed_recipe_reaches_the_training():
    project = params.load(ROOT / "params.yaml")
    heart, lungs = (settings.of(project, Training("recipe", name, "ce_dl", 0), 2) for name in ("acdc", "covid19"))
    assert (heart.mirror_at_test, lungs.mirror_at_test) == ((), ("horizontal",))
    assert (heart.dice, heart.schedule, heart.epochs) == ("batch", "poly", 40)
    assert heart.learning_rate == project.recipe.train.rate("ce_dl")


def test_a_study_without_these_data_sets_is_one_line(project, stage):
    assert "unknown dataset 'hippocampus'" in stage("rates", "--study", "demo")


def test_only_patients_who_train_have_a_say(project, stage, edit_params, monkeypatch):
    """Of both sides of the inner split, whatever is trained; and all candidates train on the same."""
    edit_params(project, {"demo.source.patients": 7, "demo.split": "folds"})
    monkeypatch.setattr(rates, "EPOCHS", {"acdc": 1})
    for step in ("download", "preprocess"):
        assert stage(step, "--study", "demo", "--dataset", "acdc") is None
    index = read_table(paths.slices("demo", "acdc")[1])
    seen, tried = [], []

    def trained(train_data, val_data, given, *_):
        seen.append([set(index["patient"].iloc[data.rows.numpy()]) for data in (train_data, val_data)])
        tried.append((given.alpha, given.learning_rate))
        return loop.Trained({}, [{"dice_foreground": 0.5, rates.MEASURE: 0.5, "seconds": 1.0}], np.zeros(0))

    monkeypatch.setattr(loop, "train", trained)
    assert stage("rates", "--study", "demo") is None
    (train, val), outer = seen[0], set(index["patient"][index["fold"] == 0])
    assert train | val | outer == set(index["patient"])
    assert not (train & val or train & outer or val & outer)
    assert all(sides == [train, val] for sides in seen)
    assert tried == [(alpha, rate) for alpha in (0, 1) for rate in rates.CANDIDATES]
    assert "**CE 0.001, CE + DL 0.001.**" in Path("reports/demo/rates.md").read_text(encoding="utf-8")  # all equal: the lowest


def test_a_rerun_trains_nothing_again_and_leaves_no_checkpoint(project, stage, edit_params, monkeypatch):
    edit_params(project, {"demo.source.patients": 7, "demo.epochs": {"covid19": 1, "acdc": 1}})
    monkeypatch.setattr(rates, "EPOCHS", {"covid19": 1})
    monkeypatch.setattr(rates, "CANDIDATES", (0.001, 0.01))
    for step in ("download", "preprocess"):
        assert stage(step, "--study", "demo", "--dataset", "covid19") is None

    def full(*_, **__):
        raise CediceError("the disk is full")

    epochs, names = loop._train_epoch, []

    def third_is_cut_off(*arguments):
        names.append(arguments[-1])
        return full() if len(names) == 3 else epochs(*arguments)

    monkeypatch.setattr(loop, "_train_epoch", third_is_cut_off)
    assert stage("rates", "--study", "demo") == "error: the disk is full"
    with monkeypatch.context() as patch:
        patch.setattr(files, "write_csv", full)
        assert stage("rates", "--study", "demo") == "error: the disk is full"
    assert [names.count(name) for name in dict.fromkeys(names)] == [1, 1, 2, 1]  # the third again, the first two not
    assert len(list(checkpoints.SCRATCH.glob("*.safetensors"))) == 4
    monkeypatch.setattr(loop, "_train_epoch", full)
    assert stage("rates", "--study", "demo") is None
    table = pd.read_csv(paths.reports("demo") / "rates.csv")
    assert table[["loss", "learning_rate"]].to_numpy().tolist() == [
        *(["ce", rate] for rate in (0.001, 0.01)),
        *(["ce_dl", rate] for rate in (0.001, 0.01)),
    ]
    assert Path("reports/demo/rates.md").is_file()
    assert not list(checkpoints.SCRATCH.iterdir())
