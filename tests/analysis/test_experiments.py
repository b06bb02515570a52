"""What the kept experiments say, by hand; that they follow from what is kept; and what is refused."""

import shutil

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from test_verdict import BASE, measured

from cedice import paper, params, paths
from cedice.analysis import experiments, response
from cedice.analysis.experiments import Experiment
from cedice.analysis.statistics import paired
from cedice.errors import CediceError
from cedice.evaluation import record, runs
from cedice.evaluation.counts import pooled_headline
from cedice.evaluation.gather import save
from cedice.evaluation.runs import Run
from cedice.params import LOSSES
from cedice.reporting.experiments import Tried, markdown
from cedice.tables import read_text

MADE = ("experiments.md", "response.csv", "leakage.csv", "response.png")


def run_of(scores: np.ndarray, collapsed: tuple[int, ...] = (0, 0)) -> Run:
    """A training whose counts are those of `measured`, and whose history of two epochs ends in them."""
    counts = measured(scores).counts
    last = {f"{m}_{c}": v for c, values in pooled_headline(counts).items() for m, v in values.items()}
    history = pd.DataFrame([dict.fromkeys(last, 0.5), last]).assign(epoch=[1, 2], collapsed=collapsed)
    return Run(counts, history, {})


@pytest.fixture
def base() -> runs.Runs:
    """Two seeds; the Dice term adds 0.1 to every score of the first and 0.2 of the second."""
    gains = {("ce", 0): 0.0, ("ce", 1): 0.0, ("ce_dl", 0): 0.1, ("ce_dl", 1): 0.2}
    return {("acdc", loss, seed): run_of(BASE + gain) for (loss, seed), gain in gains.items()}


def dice_of(scores: np.ndarray) -> np.ndarray:
    """Of each patient."""
    return 2 * scores.round(2) / (1 + scores.round(2))


def dice_pooled(base: runs.Runs) -> float:
    return base["acdc", "ce", 0].history["dice_foreground"].iloc[-1]


def alpha(value: float, gain: float, seed: int = 0) -> Experiment:
    return Experiment(f"alpha-{value}", {response.ALPHA: value}, {("acdc", "ce_dl", seed): run_of(BASE + gain)})


def test_the_effect_of_alpha_by_hand(base):
    points = response.by_alpha(base, 1.0, [alpha(2.0, 0.05), alpha(0.5, 0.15), alpha(0.5, 0.15, seed=1)])
    assert {value: list(runs) for value, runs in points["acdc"].items()} == {0.0: [0, 1], 0.5: [0, 1], 1.0: [0, 1], 2.0: [0]}
    found = response.response(points).set_index("alpha")
    dice = {gain: 2 * (BASE + gain).round(2) / (1 + (BASE + gain).round(2)) for gain in (0.0, 0.05, 0.15)}  # a patient's
    for value, gain in ((0.5, 0.15), (2.0, 0.05)):
        row = found.loc[value]
        assert row["minus_zero"] == pytest.approx((dice[gain] - dice[0.0]).mean(), abs=0.002)
        assert row[["low", "high", "p"]].isna().all()  # one seed is shared
        assert row["units"] == len(BASE)
    both = response.response(response.by_alpha(base, 1.0, [alpha(0.5, 0.15), alpha(0.5, 0.16, seed=1)])).set_index("alpha")
    gains = np.stack([dice_of(BASE + gain) - dice_of(BASE) for gain in (0.15, 0.16)])
    decided = paired(gains, 0.01)
    assert both.loc[0.5, ["low", "high", "p"]].to_list() == pytest.approx([decided.low, decided.high, decided.p])
    assert found.loc[1.0, "foreground_std"] > 0.01
    assert pd.isna(found.loc[2.0, "foreground_std"])
    assert pd.isna(found.loc[0.0, "minus_zero"])
    # α = 2 has seed 0 alone, so all are compared on that: α = 1 gains 0.1 there, and 0.2 on seed 1.
    assert set(found["shared"]) == {"0"}
    dice_of_one = 2 * (BASE + 0.1).round(2) / (1 + (BASE + 0.1).round(2))
    assert found.loc[1.0, "minus_zero"] == pytest.approx((dice_of_one - dice[0.0]).mean(), abs=0.002)
    tails = [np.mean([0.5, pooled]) for pooled in (found.loc[2.0, "foreground_mean"], dice_pooled(base))]
    assert found.loc[2.0, "last_epochs_minus_zero"] == pytest.approx(tails[0] - tails[1])
    assert found.loc[2.0, "last_epochs_mean"] == pytest.approx((0.5 + found.loc[2.0, "foreground_mean"]) / 2)


def test_leakage_is_of_the_slices_that_validate_by_both_splits(base):
    """By slice only the first three patients validate as by patient; the others are easy, and do not count."""
    by_slice = {}
    for loss, gain in zip(LOSSES, (0.05, 0.1), strict=True):
        run, easy = run_of(BASE[:3] + gain), measured(np.ones(5)).counts
        counts = pd.concat([run.counts, easy.assign(slice="easy" + easy["slice"])], ignore_index=True)
        by_slice["acdc", loss, 0] = Run(counts, run.history, {})
    leaked = Experiment("by-slice", {"small.split": "slice"}, by_slice | {("acdc", "ce", 7): run_of(BASE)})  # no honest seed 7
    found = response.leakage(base, [leaked, alpha(2.0, 0.1)], "small").set_index(["loss", "metric"])
    plain, with_dice = found.loc[("ce", "dice")], found.loc[("ce_dl", "dice")]
    assert (plain["seeds"], plain["slices"], plain["spread"]) == (1, 6, 0)
    hits = {gain: (BASE[:3] + gain).round(2).sum() for gain in (0.0, 0.05)}  # of three slices' targets, pooled
    assert plain["by_patient"] == pytest.approx(2 * hits[0.0] / (hits[0.0] + 3))
    assert plain["by_slice"] == pytest.approx(2 * hits[0.05] / (hits[0.05] + 3))
    assert plain["gained"] == pytest.approx(plain["by_slice"] - plain["by_patient"])
    assert with_dice["gained"] == 0  # the same three patients, with the same gain of 0.1
    assert with_dice["spread"] > 0.02
    elsewhere = {key: Run(run.counts.assign(slice="x" + run.counts["slice"]), run.history, {}) for key, run in by_slice.items()}
    assert response.leakage(base, [Experiment("b", leaked.changes, elsewhere)], "small").empty


def test_other_experiments_are_listed_with_their_changes_and_collapses(base):
    points = response.by_alpha(base, 1.0, [])
    no_norm = Experiment("no-norm", {"small.train.norm": "none"}, {("acdc", "ce", 0): run_of(BASE * 0, collapsed=(1, 1))})
    tried = Tried(response.response(points), response.leakage(base, [no_norm], "small"), [no_norm])
    text = markdown({"last": tried}, "small", False)
    assert "| no-norm | `small.train.norm: none` | ACDC | CE | 0 | 2 | 2 (1–2) |" in text
    assert "0.0000†" in text
    assert "What a split by slice gains" not in text
    both = markdown({"last": tried, "averaged": tried._replace(experiments=[])}, "small", False)
    headings = [line for line in both.splitlines() if line.startswith("#")][1:]
    assert headings == ["## The effect of α, averaged", "## The effect of α, last epoch", "## Others, last epoch"]


def test_an_alpha_beyond_all_measure_is_called_dice_alone():
    assert [paper.alpha_title(value) for value in (0.25, 4.0, 1e6)] == ["0.25", "4", "Dice alone"]
    assert params.LossTerm(alpha=paper.DICE_ALONE)


def test_a_single_patient_or_other_slices_are_refused(base):
    one = {key: Run(run.counts.assign(patient="p"), run.history, {}) for key, run in base.items()}
    with pytest.raises(CediceError, match="one patient in the validation set"):
        response.response(response.by_alpha(one, 1.0, []))
    other = Experiment("a", {response.ALPHA: 2.0}, {("acdc", "ce_dl", 0): run_of(BASE[:-1])})
    with pytest.raises(CediceError, match="counted on other slices"):
        response.response(response.by_alpha(base, 1.0, [other]))


@pytest.fixture
def reported(project):
    """The project with the committed results of `small`."""
    shutil.copytree(ROOT / "reports/small", project / "reports/small")
    shutil.copy(ROOT / "params.yaml", project)
    return project


def test_the_committed_report_follows_from_the_kept_experiments(reported, stage):
    before = {name: (paths.reports("small") / name).read_bytes() for name in MADE}
    for name in MADE:
        (paths.reports("small") / name).unlink()
    assert stage("experiments", "--study", "small") is None
    assert {name: (paths.reports("small") / name).read_bytes() for name in MADE} == before


def test_kept_with_the_parameters_of_the_project_it_is_no_experiment(reported, stage):
    assert experiments.load("demo", params.load(), "last") == []
    folder = min(paths.experiments("small").iterdir())
    (folder / "params.yaml").write_text("loss: {ce_dl: {alpha: 1.0}}\n")
    assert "its parameters are the project's own; delete it" in stage("experiments", "--study", "small")


def test_a_kept_experiment_without_the_averaged_network_has_none_of_its_trainings(reported):
    folder = paths.experiments("small") / "alpha-2/covid19"
    cells = read_text(record.file(folder, "counts"))
    save(folder, "counts", cells[cells["readout"] == "last"])
    project = params.load()
    last, averaged = (
        {experiment.name for experiment in experiments.load("small", project, readout)} for readout in ("last", "averaged")
    )
    assert last - averaged == {"alpha-2"}


def test_an_experiment_that_is_not_there_is_one_line(project, stage, command):
    assert command("git", "init", "-q", cwd=project)[0] == 0
    assert stage("keep", "--study", "demo", "--experiment", "alpha-9").startswith("error: no experiments are named 'alpha-9'")
