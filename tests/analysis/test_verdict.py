"""The verdict follows from the patients' differences, and says what it cannot see."""

import itertools
import re

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cedice.analysis import verdict
from cedice.analysis.statistics import paired
from cedice.analysis.verdict import Measured
from cedice.errors import CediceError
from cedice.reporting import verdict as reported

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


MARGINS = {"dice": 0.01, "iou": 0.01, "pixel_error": 0.001, "border": 0.02, "small_targets": 0.02}
BASE = np.linspace(0.5, 0.8, 12)
PATIENTS = {"acdc": "patient"}
NOTHING = pd.DataFrame({"readout": []})  # is asked besides
NO_RULES = pd.DataFrame({"dataset": [], "exact": np.array([], bool)})  # of decision
ONE = dict.fromkeys(("acdc", "covid19", "mine"), 1)  # no folds


def markdown(table: pd.DataFrame, *arguments) -> str:
    """Of trainings from before the averaged network was kept."""
    return reported.markdown(table.assign(readout="last"), NOTHING, NO_RULES, *arguments)


def test_patients_by_hand():
    found = verdict.patients(measured(np.array([0.5, 1.0]))).loc["p0"]
    assert found["dice"] == pytest.approx(100 / 150)
    assert found["iou"] == pytest.approx(0.5)
    assert found["pixel_error"] == pytest.approx(50 / PIXELS)
    assert found["border"] == 0.5
    assert found["small_targets"] == pytest.approx(100 / 150)


def test_a_false_mark_is_no_border_and_a_structure_without_a_mark_is_one_of_nothing():
    """Of each patient's two slices the second loses its structure: both patients are falsely marked there, and the first one's
    other slice is not marked at all."""
    found = measured(np.array([0.0, 0.5]))
    lacking = (found.counts["slice"].str.endswith("s1")) & (found.counts["class"] == 1)
    found.counts.loc[lacking, ["tp", "fp", "fn", "tn"]] = 0, 7, 0, PIXELS - 7
    found.surfaces["surface_dice_2"] = [0.0, 0.0, 0.5, 0.0]
    assert verdict.patients(found)["border"].to_dict() == {"p0": 0.0, "p1": 0.5}


def test_where_nearly_all_targets_are_small_the_lowest_third_takes_the_thresholds_place():
    sizes = pd.Series([10, 20, 30, 40, 50, 60, 70, 80, 90, 399])
    assert verdict.small_below(sizes) == 41
    assert verdict.small_below(sizes.replace(399, 400)) == 400  # nine in ten are not more than nine in ten
    made = study([BASE] * 3, [BASE + 0.1] * 3)
    table = verdict.judge(made, PATIENTS, MARGINS, ONE).set_index("measure")
    text = markdown(table.reset_index(), "small", False)
    assert "is better on small targets (the lowest third, below 101 pixels) | **confirmed**" in text
    assert "as on ACDC, small are those of the lowest third of the sizes" in " ".join(text.split())
    for one in made.values():
        one.targets.loc[::2, "pixels"] = 1000  # so that the threshold tells targets apart
    assert verdict.judge(made, PATIENTS, MARGINS, ONE).set_index("measure").loc["small_targets", "statement"] == (
        "is better on small targets"
    )


@pytest.mark.parametrize(
    ("change", "expected"), [(0.1, "confirmed"), (-0.1, "contradicted"), (0.0, "no difference that matters")]
)
def test_a_clear_difference_is_called_by_its_name(change, expected):
    table = verdict.judge(study([BASE] * 3, [BASE + change] * 3), PATIENTS, MARGINS, ONE)
    assert set(table["verdict"]) == {expected}
    assert (table["units"] == 12).all()
    assert (table["unit"] == "patient").all()
    text = markdown(table, "small", False)
    assert f"{expected.capitalize()}: that the Dice term raises Dice, raises IoU" in text
    assert text.count(f"**{expected}**") == 5


def test_seeds_that_disagree_confirm_nothing_and_the_paper_is_quoted():
    table = verdict.judge(study([BASE] * 3, [BASE - 0.02, BASE + 0.1, BASE + 0.12]), PATIENTS, MARGINS, ONE).set_index(
        "measure"
    )
    assert table.loc["dice", "verdict"] == "not confirmed"
    assert table.loc["dice", "p_units"] < 0.05 < table.loc["dice", "p"]  # patients alone would have been enough
    assert table.loc["dice", "agreeing"] == 2
    assert table.loc["dice", "paper"] == pytest.approx(2 * 0.0123)  # of two classes, the background unchanged
    assert table.loc["pixel_error", "paper"] == pytest.approx(-0.0009)
    assert verdict.claims(table.reset_index().assign(readout="last"), "small")[0]["paper"] == 0.0123  # as printed
    assert pd.isna(table.loc["border", "paper"])


def test_a_few_trainings_that_agree_but_scatter_confirm_nothing():
    table = verdict.judge(study([BASE] * 3, [BASE + 0.02, BASE + 0.08, BASE + 0.15]), PATIENTS, MARGINS, ONE).set_index(
        "measure"
    )
    assert table.loc["dice", "verdict"] == "not confirmed"
    assert table.loc["dice", "boot_low"] > 0
    assert table.loc["dice", "agreeing"] == 3
    text = markdown(table.reset_index(), "small", False)
    assert text.split("\n\n|")[0].count("raises Dice") == 1  # a statement stands once


def test_a_small_difference_may_be_confirmed_and_too_small_to_matter():
    scatter = np.tile([0.0, 0.004], 6)  # of the patients
    table = verdict.judge(study([BASE] * 3, [BASE + 0.004 + scatter] * 3), PATIENTS, MARGINS | {"dice": 0.1, "iou": 0.001}, ONE)
    rows = table.set_index("measure")
    assert rows.loc["dice", "verdict"] == "confirmed, within the margin"
    assert rows.loc["iou", "verdict"] == "confirmed"
    assert "Confirmed, within the margin: that the Dice term raises Dice" in markdown(table, "small", False)


def test_dice_is_a_family_of_its_own():
    two = study([BASE] * 3, [BASE + 0.02, BASE + 0.06, BASE + 0.08])
    two |= {("covid19", *key[1:]): tables for key, tables in two.items()}
    table = verdict.judge(two, {"acdc": "patient", "covid19": "slice"}, MARGINS, ONE).set_index(["dataset", "measure"])
    alone = _raw(two)
    assert table.loc[("acdc", "dice"), "p"] == pytest.approx(2 * alone["acdc", "dice"])
    least = min(p for (_, measure), p in alone.items() if measure != "dice")
    assert table["p"][table["family"] == "secondary"].min() == pytest.approx(min(1, 8 * least))


def _raw(trainings: verdict.Study) -> dict[tuple[str, str], float]:
    """The uncorrected p of every statement, each judged as the only one."""
    values = {}
    for dataset, measure in itertools.product(("acdc", "covid19"), verdict.STATEMENTS):
        tables = {key[1:]: verdict.patients(measured)[measure] for key, measured in trainings.items() if key[0] == dataset}
        differences = np.stack([tables["ce_dl", seed] - tables["ce", seed] for seed in (0, 1, 2)])
        values[dataset, measure] = paired(differences, MARGINS[measure]).p
    return values


def test_one_training_confirms_nothing():
    table = verdict.judge(study([BASE], [BASE - 0.1]), {"acdc": "slice"}, MARGINS, ONE)
    assert set(table["verdict"]) == {"not testable"}
    assert set(table["unit"]) == {"slice"}
    text = markdown(table, "own", False)
    seen = f"Here CE + DL is lower by {-table['mean'][0]:.2g} foreground Dice; add seeds to `own.seeds`."
    assert f"**ACDC** (12 slices). One training a loss: nothing can be confirmed. {seen}\n" in text
    assert len(re.findall(r"\*\*not testable\*\*: one training \| -0\.\d+ \([\d.]+ → [\d.]+\) \|", text)) == 4
    assert "| 12 slices |" in text
    assert "p (Holm)" not in text.split("##")[0]
    assert "Not confirmed" not in text
    assert "folds are compared" not in text
    assert "higher by" in markdown(verdict.judge(study([BASE], [BASE + 0.1]), PATIENTS, MARGINS, ONE), "own", False)


def test_another_sign_over_the_last_ten_epochs_is_told():
    table = verdict.judge(study([BASE], [BASE - 0.1]), PATIENTS, MARGINS, ONE)
    text = markdown(table, "own", False, {"last": {"acdc": {"dice": 0.02, "iou": -0.1, "pixel_error": None}}})
    assert "Over the last ten epochs the difference has the other sign: foreground Dice +0.02." in text


def test_the_verdict_rests_on_the_averaged_networks_and_that_of_the_last_epoch_stands_beside_it():
    averaged = verdict.judge(study([BASE] * 3, [BASE + 0.1] * 3), PATIENTS, MARGINS, ONE).assign(readout="averaged")
    last = verdict.judge(study([BASE] * 3, [BASE - 0.02, BASE + 0.1, BASE + 0.12]), PATIENTS, MARGINS, ONE).assign(
        readout="last"
    )
    table = pd.concat([last, averaged], ignore_index=True)
    tails = {"averaged": {"acdc": {"dice": -0.01}}, "last": {"acdc": {"dice": 0.01}}}
    text = reported.markdown(table, NOTHING, NO_RULES, "small", False, tails)
    above, below = text.split("## As the paper reads it: after the last epoch")
    assert "Confirmed: that the Dice term raises Dice" in above
    assert "the other sign: foreground Dice -0.01" in above
    assert f"| {last['mean'][0]:+.4f}, not confirmed |" in above
    assert "Not confirmed: that the Dice term raises Dice" in below
    assert "the other sign" not in below
    claims = verdict.claims(table, "small")
    assert len(claims) == len(verdict.STATEMENTS)
    assert {(claim["readout"], claim["verdict"]) for claim in claims} == {("averaged", "confirmed")}
    assert "As the paper reads it" not in markdown(last, "small", False)


def test_own_data_hears_nothing_of_the_paper():
    losses = study([BASE] * 3, [BASE + 0.1] * 3)
    table = verdict.judge({("mine", *key[1:]): one for key, one in losses.items()}, {"mine": "patient"}, MARGINS, ONE)
    assert "paper" not in markdown(table, "own", False)


def test_a_single_patient_is_refused():
    with pytest.raises(CediceError, match="acdc: one patient in the validation set; a verdict needs at least two"):
        verdict.judge(study([BASE], [BASE], one_patient=True), PATIENTS, MARGINS, ONE)


def test_what_fewer_than_two_patients_have_is_not_measured():
    made = study([BASE] * 3, [BASE + 0.1] * 3)
    for one in made.values():
        one.targets.loc[one.targets["patient"] != "p0", "pixels"] = verdict.SMALL  # of 24 targets two are smaller
    table = verdict.judge(made, PATIENTS, MARGINS, ONE).set_index("measure")
    assert (table.loc["small_targets", "verdict"], table.loc["small_targets", "units"]) == ("not measured", 1)
    assert table.loc["dice", "verdict"] == "confirmed"
    assert "**not measured** | – |" in markdown(table.reset_index(), "small", False)


def test_trainings_on_other_slices_are_refused():
    with pytest.raises(CediceError, match="counted on other slices"):
        verdict.judge(study([BASE], [BASE[:-1]]), PATIENTS, MARGINS, ONE)


def test_folds_are_said_and_their_trainings_are_not_taken_for_patients():
    """Five folds of twelve patients: the Dice term helps in all, by as much in the patients of one fold."""
    changes = [0.02, 0.05, 0.08, 0.11, 0.14]
    folds = {}
    for seed, change in enumerate(changes):
        for (name, loss, _), one in study([BASE], [BASE + change]).items():
            named = (
                table.assign(patient=f"{seed}" + table["patient"], slice=f"{seed}" + table["slice"])
                for table in vars(one).values()
            )
            folds[name, loss, seed] = Measured(*named)
    table = verdict.judge(folds, PATIENTS, MARGINS, {"acdc": 5})
    row = table.set_index("measure").loc["border"]
    assert (row["error"], row["freedom"]) == pytest.approx((stats.sem(changes), 4))
    assert (row["units"], row["seeds"], row["folds"]) == (60, 5, 5)
    text = markdown(table, "recipe", False)
    assert "**ACDC** (60 patients in 5 folds, 5 seeds)" in text
    assert "| 60 patients in 5 folds |" in text
    assert "## Folds" in text
    told = " ".join(text.split())
    assert "by Student's t with 4 degrees of freedom, one fewer than folds" in told
    wide = row["mean"] + 1.5 * (row["high"] - row["mean"])
    assert f"| is better at borders | {row['error']:.5f} | 4 | " in told
    assert f" … {wide:+.4f} | {row['p_overlap']:.3g} | – |" in told
    with pytest.raises(CediceError, match="counted on other slices"):
        verdict.judge(folds, PATIENTS, MARGINS, ONE)
