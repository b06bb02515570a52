"""The verdict follows from the patients' differences, and says what it cannot see."""

import numpy as np
import pandas as pd
import pytest

from cedice.analysis import verdict
from cedice.analysis.verdict import Measured
from cedice.errors import CediceError
from cedice.reporting.verdict import markdown

PIXELS = 1000


def measured(scores: np.ndarray, one_patient: bool = False) -> Measured:
    """Two slices a patient; of a target of 100 pixels a share is found, the rest missed, and the borders follow."""
    counts, surfaces, targets = [], [], []
    for number, score in enumerate(scores):
        for part in range(2):
            keys = {"slice": f"p{number}s{part}", "volume": f"p{number}", "patient": "p" if one_patient else f"p{number}"}
            found = round(100 * score)
            counts.append(keys | {"class": 0, "tp": PIXELS - 100, "fp": 100 - found, "fn": 0, "tn": found})
            counts.append(keys | {"class": 1, "tp": found, "fp": 0, "fn": 100 - found, "tn": PIXELS - 100})
            surfaces.append(keys | {"class": 1, "surface_dice_2": score})
            targets.append(keys | {"class": 1, "target": 1, "pixels": 100, "hits": found, "predicted": found})
    return Measured(*(pd.DataFrame(rows) for rows in (counts, surfaces, targets)))


def study(ce: list[np.ndarray], ce_dl: list[np.ndarray], one_patient: bool = False) -> verdict.Study:
    losses = {"ce": ce, "ce_dl": ce_dl}
    return {
        ("acdc", loss, seed): measured(scores, one_patient)
        for loss, seeds in losses.items()
        for seed, scores in enumerate(seeds)
    }


BASE = np.linspace(0.5, 0.8, 12)
PATIENTS = {"acdc": "patient"}


def test_patients_by_hand():
    found = verdict.patients(measured(np.array([0.5, 1.0]))).loc["p0"]
    assert found["dice"] == pytest.approx(100 / 150)
    assert found["iou"] == pytest.approx(0.5)
    assert found["pixel_error"] == pytest.approx(50 / PIXELS)
    assert found["border"] == 0.5
    assert found["small_targets"] == pytest.approx(100 / 150)


@pytest.mark.parametrize(("change", "expected"), [(0.1, "confirmed"), (-0.1, "contradicted"), (0.0, "not confirmed")])
def test_a_clear_difference_is_called_by_its_name(change, expected):
    table = verdict.judge(study([BASE] * 3, [BASE + change] * 3), PATIENTS)
    assert set(table["verdict"]) == {expected}
    assert (table["units"] == 12).all()
    assert (table["unit"] == "patient").all()
    text = markdown(table, "small", False)
    assert f"{expected.capitalize()}: that the Dice term raises Dice, raises IoU" in text
    assert text.count(f"**{expected}**") == 5


def test_seeds_that_disagree_confirm_nothing_and_the_paper_is_quoted():
    table = verdict.judge(study([BASE] * 3, [BASE - 0.02, BASE + 0.1, BASE + 0.12]), PATIENTS).set_index("measure")
    assert table.loc["dice", "verdict"] == "not confirmed"
    assert table.loc["dice", "p_units"] < 0.05 < table.loc["dice", "p"]  # patients alone would have been enough
    assert table.loc["dice", "agreeing"] == 2
    assert table.loc["dice", "paper"] == pytest.approx(2 * 0.0123)  # of two classes, the background unchanged
    assert table.loc["pixel_error", "paper"] == pytest.approx(-0.0009)
    assert verdict.claims(table.reset_index(), "small")[0]["paper"] == 0.0123  # as printed
    assert pd.isna(table.loc["border", "paper"])


def test_a_few_trainings_that_agree_but_scatter_are_told_and_confirm_nothing():
    table = verdict.judge(study([BASE] * 3, [BASE + 0.02, BASE + 0.08, BASE + 0.15]), PATIENTS).set_index("measure")
    assert table.loc["dice", "verdict"] == "not confirmed"
    assert table.loc["dice", "boot_low"] > 0
    text = markdown(table.reset_index(), "small", False)
    agreed = "Not confirmed, though these 3 trainings agree on it: that the Dice term raises Dice, raises IoU"
    assert agreed in text
    assert text.split("\n\n|")[0].count("raises Dice") == 1  # a statement stands once
    table = verdict.judge(study([BASE] * 3, [BASE - 0.02, BASE - 0.08, BASE - 0.15]), PATIENTS)
    text = markdown(table, "small", False)
    assert "Not confirmed, and these 3 trainings agree on the contrary: that the Dice term raises Dice" in text


def test_one_training_confirms_nothing():
    table = verdict.judge(study([BASE], [BASE - 0.1]), {"acdc": "slice"})
    assert set(table["verdict"]) == {"not testable"}
    assert set(table["unit"]) == {"slice"}
    text = markdown(table, "own", False)
    seen = f"Here CE + DL is lower by {-table['mean'][0]:.2g} foreground Dice; add seeds to `own.seeds`."
    assert f"**ACDC** (12 slices). One training a loss: nothing can be confirmed. {seen}\n" in text
    assert text.count("**not testable**: one training | -0.") == 4
    assert "| 12 slices |" in text
    assert "p (Holm)" not in text.split("##")[0]
    assert "Not confirmed" not in text
    assert "higher by" in markdown(verdict.judge(study([BASE], [BASE + 0.1]), PATIENTS), "own", False)


def test_another_sign_over_the_last_ten_epochs_is_told():
    table = verdict.judge(study([BASE], [BASE - 0.1]), PATIENTS)
    text = markdown(table, "own", False, {"acdc": {"dice": 0.02, "iou": -0.1, "pixel_error": None}})
    assert "Over the last ten epochs the difference has the other sign: foreground Dice +0.02." in text


def test_own_data_hears_nothing_of_the_paper():
    losses = study([BASE] * 3, [BASE + 0.1] * 3)
    table = verdict.judge({("mine", *key[1:]): one for key, one in losses.items()}, {"mine": "patient"})
    assert "paper" not in markdown(table, "own", False)


def test_a_single_patient_is_refused():
    with pytest.raises(CediceError, match="acdc: one patient in the validation set; a verdict needs at least two"):
        verdict.judge(study([BASE], [BASE], one_patient=True), PATIENTS)


def test_what_fewer_than_two_patients_have_is_not_measured():
    made = study([BASE] * 3, [BASE + 0.1] * 3)
    for one in made.values():
        one.targets.loc[one.targets["patient"] != "p0", "pixels"] = verdict.SMALL
    table = verdict.judge(made, PATIENTS).set_index("measure")
    assert (table.loc["small_targets", "verdict"], table.loc["small_targets", "units"]) == ("not measured", 1)
    assert table.loc["dice", "verdict"] == "confirmed"
    assert "**not measured** | – |" in markdown(table.reset_index(), "small", False)


def test_trainings_on_other_slices_are_refused():
    with pytest.raises(CediceError, match="counted on other slices"):
        verdict.judge(study([BASE], [BASE[:-1]]), PATIENTS)
