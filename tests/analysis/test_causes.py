"""Why the gain differs: contrasts held against sums by hand, cells against the verdict of the same trainings, and what is said
of a prediction against the rule that was fixed before."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from cedice import paths
from cedice.analysis import causes
from cedice.analysis.causes import SIZES, TERMS, Cell, along, by_size, cells, contrast, levels, minus, two_by_two
from cedice.evaluation import record
from cedice.evaluation.gather import write_runs
from cedice.files import save_figure
from cedice.reporting.causes import figure, markdown, steps
from cedice.tables import read_table

STUDY, DATASET = "outlook", "hippocampus"
SEEDS, PATIENTS = range(causes.SEEDS), pd.Index([f"p{number:02d}" for number in range(12)], name="patient")


def of_patients(random: np.random.Generator, **means: float) -> pd.DataFrame:
    """A patient's values: the given mean of a measure, and noise."""
    values = {name: means.get(name, 0) + random.normal(0, 0.001, len(PATIENTS)) for name in causes.MEASURES}
    return pd.DataFrame(values, PATIENTS)


@pytest.fixture(scope="module")
def crossed():
    """Six cells: over the batch half of the cost is gone and the false marks are few, with augmentation as without."""
    random = np.random.default_rng(0)
    dice, marks = {"ce": 0.9, "sample": 0.895, "batch": 0.8985}, {"ce": 2, "sample": 9, "batch": 3}
    return {
        Cell(term, augmented, None): {seed: of_patients(random, half=dice[term], false_marks=marks[term]) for seed in SEEDS}
        for term in TERMS
        for augmented in (False, True)
    }


def test_the_interaction_is_the_difference_of_the_two_differences(crossed):
    rows = two_by_two(crossed).set_index(["contrast", "measure"])["mean"]
    for measure in causes.MEASURES:
        mean = {cell: np.mean([table[measure] for table in of.values()]) for cell, of in crossed.items()}
        plain, augmented = (mean[Cell("batch", on, None)] - mean[Cell("sample", on, None)] for on in (False, True))
        assert rows["batch − sample", measure] == pytest.approx(plain)
        assert rows["batch − sample, augmented", measure] == pytest.approx(augmented)
        assert rows["interaction", measure] == pytest.approx(augmented - plain)
        assert rows["sample − CE", measure] + rows["batch − sample", measure] == pytest.approx(rows["batch − CE", measure])


@pytest.mark.parametrize(("gain", "falls", "steady"), [((0.02, -0.003), True, False), ((0.02, 0.0), False, True)])
def test_a_slope_is_that_of_least_squares_and_the_verdict_follows_the_rule(gain, falls, steady, tmp_path):
    """Gains along a line over log₂ of the patients; the slope is NumPy's fit of the means."""
    random = np.random.default_rng(1)
    found = {}
    for size in SIZES:
        line = gain[0] + gain[1] * np.log2(size)
        for term, level in (("ce", 0.8), ("sample", 0.8 + line)):
            found[Cell(term, False, size)] = {seed: of_patients(random, half=level, own=level) for seed in SEEDS}
    rows = by_size(found)
    save_figure(figure(levels(found), "Hippocampus"), tmp_path / "sizes.png")
    of_gain = rows[rows["measure"] == "gain_half"].set_index("patients")["mean"]
    assert of_gain[0] == pytest.approx(np.polyfit(np.log2(SIZES), of_gain[list(SIZES)], 1)[0])
    told = markdown(levels(found), pd.DataFrame(), rows, "Hippocampus", "averaged")
    scarce, rule, own = (
        [line for line in told.splitlines() if line.startswith(f"| {start}")] for start in ("Scar", "It is", "…")
    )
    assert ("not refuted" in scarce[0]) == falls
    assert "**refuted**" in rule[0]  # a threshold gains nothing here
    assert ("not refuted" in own[0]) == steady


def test_predictions_of_the_six_cells_are_judged_by_the_rule(crossed):
    told = markdown(levels(crossed), two_by_two(crossed), pd.DataFrame(), "Hippocampus", "averaged")
    verdicts = [
        line.split(" | ")[-1].rstrip(" |") for line in told.splitlines() if line.startswith(("| Over", "| Dice o", "| Aug"))
    ]
    assert verdicts == ["not refuted", "not refuted", "not refuted"]
    worse = {cell: {seed: table.copy() for seed, table in of.items()} for cell, of in crossed.items()}
    for table in worse[Cell("batch", False, None)].values():
        table["half"] -= 0.01
        table["false_marks"] += 9
    told = markdown(levels(worse), two_by_two(worse), pd.DataFrame(), "Hippocampus", "averaged")
    assert told.count("**refuted**") == 3
    assert told.count("not trained yet") == 3  # the other experiment
    few = {cell: {seed: of[seed] for seed in SEEDS[1:]} for cell, of in crossed.items()}
    told = markdown(levels(few), two_by_two(few), pd.DataFrame(), "Hippocampus", "averaged")
    assert told.count("not trained yet") == 6  # a rule for five seeds says nothing of four


def test_a_contrast_is_of_the_seeds_that_all_its_cells_have(crossed):
    one, other = Cell("batch", False, None), Cell("sample", False, None)
    few = crossed | {one: {seed: crossed[one][seed] for seed in (1, 2)}}
    expected = np.mean([few[one][seed]["half"] - few[other][seed]["half"] for seed in (1, 2)])
    assert contrast(few, minus(one, other, "half"))["mean"] == pytest.approx(expected)
    assert contrast(few | {one: {1: crossed[one][1]}}, minus(one, other, "half")) is None
    assert contrast({other: crossed[other]}, minus(one, other, "half")) is None


def test_cells_are_those_of_the_verdict_and_an_experiment_is_another(tmp_path):
    """Of the record the gain is the verdict's; a copy of its trainings, said to sum over the batch, is a cell of its own."""
    whole, kept = ROOT / paths.record(STUDY), tmp_path / "batch"
    shutil.copytree(whole / DATASET, kept / DATASET)
    rows = [row for row in record.runs(whole, DATASET) if row["loss"] == "ce_dl"]
    write_runs(kept / DATASET / "runs.json", [row | {"settings": row["settings"] | {"dice": "batch"}} for row in rows])
    found = cells([whole, kept], DATASET, "averaged")
    assert {cell: sorted(of) for cell, of in found.items()} == {Cell(term, False, None): [*range(5)] for term in TERMS}
    judged = read_table(ROOT / paths.tables(STUDY) / "verdict.csv").query("readout == 'averaged' and dataset == @DATASET")
    judged = judged.set_index("measure")
    for measure, name in (("half", "dice"), ("border", "border")):
        result = contrast(found, minus(Cell("sample", False, None), Cell("ce", False, None), measure))
        assert [result[key] for key in ("mean", "low", "high")] == pytest.approx(
            judged.loc[name, ["mean", "low", "high"]], rel=1e-4
        )
    assert contrast(found, minus(Cell("batch", False, None), Cell("sample", False, None), "half"))["mean"] == 0
    beyond = read_table(ROOT / paths.tables(STUDY) / "beyond.csv").query("readout == 'averaged' and dataset == @DATASET")
    marks = contrast(found, minus(Cell("sample", False, None), Cell("ce", False, None), "false_marks"))["mean"]
    assert marks == pytest.approx(100 * beyond.set_index("measure").loc["false_positives", "mean"], rel=1e-4)


def test_the_map_is_of_the_seeds_that_both_losses_have(tmp_path):
    """Copies of recorded trainings, said to be of ten patients and of 200 steps an epoch; one loss lacks a seed."""
    whole, kept = ROOT / paths.record(STUDY), tmp_path / "patients-10"
    shutil.copytree(whole / DATASET, kept / DATASET)
    rows = [row | {"settings": row["settings"] | {"patients": 10, "steps": 200}} for row in record.runs(whole, DATASET)]
    write_runs(kept / DATASET / "runs.json", [row for row in rows if (row["loss"], row["seed"]) != ("ce", 3)])
    found = along([whole, kept], DATASET, "averaged")
    histories = record.load(whole, "history", [DATASET]).query("seed != 3")
    expected = histories.pivot_table(index="epoch", columns="loss", values="averaged_dice_foreground")
    assert found["patients"].eq(10).all() and found["seeds"].eq(4).all()
    assert found["steps"].to_list() == [200 * epoch for epoch in expected.index]
    assert found["ce"].to_numpy() == pytest.approx(expected["ce"].to_numpy())
    assert found["sample"].to_numpy() == pytest.approx(expected["ce_dl"].to_numpy())
    save_figure(steps(found, "Hippocampus"), tmp_path / "steps.png")
    assert along([whole], DATASET, "averaged").empty


def test_a_training_of_another_network_length_or_rate_is_in_no_cell(tmp_path):
    whole, kept = ROOT / paths.record(STUDY), tmp_path / "other"
    for change in ({"epochs": 3}, {"learning_rate": 0.1}, {"alpha": 2.0}, {"network": {"out_channels": 3}}):
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(whole / DATASET, kept / DATASET)
        rows = [row | {"settings": row["settings"] | {"dice": "batch"} | change} for row in record.runs(whole, DATASET)]
        write_runs(kept / DATASET / "runs.json", rows)
        assert json.loads((kept / DATASET / "runs.json").read_text())[0]["settings"].items() >= change.items()
        found = cells([whole, kept], DATASET, "averaged")
        batch = Cell("batch", False, None)
        assert batch not in found, change
