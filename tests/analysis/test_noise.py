"""The noise budget: a table by hand, known components recovered, how many it takes, and what cannot be told."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest

from cedice.analysis import noise
from cedice.analysis.noise import Components
from cedice.analysis.statistics import components as of_two
from cedice.analysis.statistics import crossed, detectable
from cedice.evaluation.runs import Run
from cedice.reporting.noise import advice, figure, markdown

RECORD = {"settings": {"schedule": "poly"}}


def drawn(random, seeds: int, units: int, epochs: int, sds: tuple[float, ...], mean: float = 0.0) -> np.ndarray:
    """Differences whose epoch, training, unit, training-unit and remaining parts have these standard deviations."""
    shapes = (seeds, 1, epochs), (seeds, 1, 1), (1, units, 1), (seeds, units, 1), (seeds, units, epochs)
    return mean + sum(random.normal(0, sd, shape) for sd, shape in zip(sds, shapes, strict=True))


def test_a_table_by_hand():
    """Two seeds, two units, two epochs: sums of effects that are orthogonal, so that each mean square is one of them."""
    seed, unit, epoch = np.array([-3.0, 3.0]), np.array([-1.0, 1.0]), np.array([-0.5, 0.5])
    table = seed[:, None, None] + unit[None, :, None] + epoch[None, None, :]
    # MS_s = 4 · 18 = 72, MS_p = 4 · 2 = 8, MS_sp = MS_r = 0, MS_e = 2 · 1 / 2 = 1.
    found = noise.components(table)
    assert found == Components(epoch=0.5, training=(72 - 1) / 4, unit=2.0, rest=0.0)
    parts = noise.contributions(found, 2, 2)
    assert parts == Components(epoch=0.25, training=71 / 8, unit=1.0, rest=0.0)
    error, _ = noise.design(found, 2, 2)
    assert error**2 == pytest.approx(0.25 + 71 / 8 + 1)


def test_known_components_are_recovered():
    random, sds = np.random.default_rng(1), (0.02, 0.03, 0.04, 0.05, 0.06)
    found = [noise.components(drawn(random, 6, 20, 10, sds)) for _ in range(400)]
    means = [np.mean([getattr(one, name) for one in found]) for name in ("epoch", "training", "unit", "rest")]
    truth = [0.02**2, 0.03**2, 0.04**2, 0.05**2 + 0.06**2]
    assert means == pytest.approx(truth, rel=0.1)


def test_what_comes_out_negative_is_nothing():
    alternating = np.array([[[1.0, -1.0], [-1.0, 1.0]], [[-1.0, 1.0], [1.0, -1.0]]])
    assert noise.components(alternating) == Components(0, 0, 0, 4)


def test_one_epoch_is_the_analysis_of_the_verdict():
    table = drawn(np.random.default_rng(2), 4, 15, 1, (0, 0.02, 0.03, 0, 0.05))
    found = noise.components(table)
    assert math.isnan(found.epoch)
    assert [found.training**0.5, found.unit**0.5, found.rest**0.5] == pytest.approx(of_two(table[:, :, 0]))
    assert noise.design(found, 4, 15) == pytest.approx(crossed(table[:, :, 0]))


def test_the_expected_standard_error_is_that_of_one_epoch_of_each_training():
    random, sds = np.random.default_rng(3), (0.02, 0.03, 0.04, 0.05, 0.06)
    means = [drawn(random, 3, 20, 1, sds).mean() for _ in range(4000)]
    parts = Components(sds[0] ** 2, sds[1] ** 2, sds[2] ** 2, sds[3] ** 2 + sds[4] ** 2)
    assert noise.design(parts, 3, 20)[0] == pytest.approx(np.std(means), rel=0.04)


def test_how_many_are_needed_is_the_fewest_that_are_enough():
    parts, level = Components(0.0001, 0.0002, 0.0004, 0.003), 0.025
    seeds = noise.needed(parts, 0.0164, level, units=20)
    assert detectable(*noise.design(parts, seeds, 20), level) <= 0.0164
    assert detectable(*noise.design(parts, seeds - 1, 20), level) > 0.0164
    units = noise.needed(parts, 0.15, level, seeds=3)
    assert detectable(*noise.design(parts, 3, units), level) <= 0.15 < detectable(*noise.design(parts, 3, units - 1), level)


def test_none_is_enough_where_the_other_component_alone_exceeds_it():
    parts = Components(0.0, 0.0001, 0.0004, 0.001)
    limit = detectable(math.sqrt(0.0004 / 20), 19, 0.05)
    assert math.isinf(noise.needed(parts, 0.99 * limit, 0.05, units=20))
    assert math.isfinite(noise.needed(parts, 1.05 * limit, 0.05, units=20))
    assert math.isinf(noise.needed(parts, 0.005, 0.05, seeds=2))


def epochs_table(wrong: dict[str, tuple[int, int]], patients: int = 3) -> pd.DataFrame:
    """Two epochs, 100 pixels of class 1 a patient; of patient n n more are missed, and as many as ``wrong`` says, by network
    and epoch."""
    rows = []
    for readout, by_epoch in wrong.items():
        for (epoch, missed), patient in itertools.product(enumerate(by_epoch, 9), range(patients)):
            keys = {"readout": readout, "epoch": epoch, "patient": f"p{patient}"}
            fn = missed + patient
            rows.append(keys | {"class": 0, "tp": 900, "fp": fn, "fn": 0})
            rows.append(keys | {"class": 1, "tp": 100 - fn, "fp": 0, "fn": fn})
    return pd.DataFrame(rows)


def test_readings_are_those_of_each_network_epoch_and_patient():
    found = noise.readings(epochs_table({"last": (20, 10), "averaged": (8, 6)}))
    assert found.loc[("last", 9, "p2"), "dice"] == pytest.approx(2 * 78 / (2 * 78 + 22))
    assert found.loc[("averaged", 10, "p0"), "pixel_error"] == pytest.approx(6 / 1000)
    assert len(found) == 2 * 2 * 3


def test_a_short_training_is_read_near_its_end_alone():
    assert [noise.window(epochs) for epochs in (1, 13, 40, 100, 500)] == [2, 2, 4, 10, 10]
    found = noise.readings(epochs_table({"last": (90, 20, 10)}))  # epochs 9 to 11: the first still learns
    assert set(found.index.get_level_values("epoch")) == {10, 11}


def tables(seeds: int, patients: tuple[int, ...] = (3, 3, 3, 3)) -> noise.Readings:
    """The losses differ, seeds and epochs as well."""
    return {
        ("acdc", loss, seed): noise.readings(
            epochs_table({"last": (20 + gain * (seed + 2), 12), "averaged": (10 + gain + seed, 9)}, patients[seed])
        )
        for (gain, loss), seed in itertools.product(enumerate(("ce_dl", "ce")), range(seeds))
    }


def runs(seeds: int) -> dict[str, dict]:
    history = pd.DataFrame({"epoch": range(1, 13), "dice_foreground": np.append([0.1, 0.1], np.tile([0.6, 0.8], 5))})
    return {
        readout: {
            ("acdc", loss, seed): Run(pd.DataFrame(), history, RECORD) for loss in ("ce", "ce_dl") for seed in range(seeds)
        }
        for readout in ("last", "averaged")
    }


def report(seeds: int, folds: int = 1, **more) -> str:
    budget = noise.budget(tables(seeds, **more), ("last", "averaged"), {"acdc": "patient"}, {"acdc": folds})
    hour = noise.next_hour(budget[budget["readout"] == "averaged"], {"acdc": 0.5})
    figure(budget, "a test")
    return markdown(budget, noise.schedules(runs(seeds)), hour, "small", False, 0.001, "GPU")


def test_the_report_says_what_to_spend_the_next_hour_on():
    text = report(3)
    assert text.count("**The next GPU hour: on ") == 1
    assert "ACDC: 2.0 more seeds an hour, from 0." in text
    assert "| ACDC | poly | averaged | 3 | 0.7000 ± 0.1414 | 0.7000 ± 0.1414 |" in text
    assert text.count("| ACDC | Dice | averaged |") == 2
    assert "Not told" not in text


def test_units_go_by_their_name():
    budget = noise.budget(tables(3), ("last", "averaged"), {"acdc": "patient"}, {"acdc": 1})
    for unit in ("patient", "slice"):
        alone = figure(budget.assign(unit=unit), "a test")
        assert f"from {unit} to {unit}" in [text.get_text() for text in alone.legends[0].get_texts()]
    mixed = figure(pd.concat([budget, budget.assign(dataset="covid19", unit="slice")]), "a test")
    assert "from patient or slice to another" in [text.get_text() for text in mixed.legends[0].get_texts()]
    assert "seeds × patients or slices" in mixed._suptitle.get_text()


def test_one_seed_or_one_training_a_fold_is_said_plainly():
    one = report(1)
    assert "**The next GPU hour: on a second seed**" in one
    assert "Not told of ACDC: one training a loss" in one
    assert "## How many it would take" not in one
    assert "| ACDC | poly | last epoch | 1 |" in one
    folds = report(3, folds=3, patients=(3, 4, 5))
    assert "Not told of ACDC: one training a fold and loss" in folds
    assert "**The next GPU hour: on a second training of every fold**" in folds
    assert "nan" not in folds


def test_two_trainings_a_fold_are_told():
    folds = report(4, folds=2, patients=(3, 4, 3, 4))
    assert "Not told" not in folds
    assert "Where there are folds" in folds
    assert "| ACDC | Dice | averaged | 4 | 7 | 2 |" in folds
    assert "nan" not in folds
    assert "Not told of ACDC" in report(3, folds=2, patients=(3, 4, 3))


def test_folds_by_hand_and_known_components_are_recovered_within_them():
    random, sds = np.random.default_rng(4), (0.02, 0.03, 0.04, 0.05, 0.06)
    one = drawn(random, 2, 20, 10, sds)
    assert noise.components(one, one) == noise.components(one)
    found = [
        noise.components(*(drawn(random, 2, units, 10, sds, mean) for mean, units in enumerate((12, 20, 28))))
        for _ in range(400)
    ]
    means = [np.mean([getattr(part, name) for part in found]) for name in ("epoch", "training", "unit", "rest")]
    assert means == pytest.approx([0.02**2, 0.03**2, 0.04**2, 0.05**2 + 0.06**2], rel=0.12)


def test_the_expected_standard_error_of_folds_is_that_of_their_mean():
    random, sds = np.random.default_rng(5), (0.02, 0.03, 0.04, 0.05, 0.06)
    means = [np.mean([drawn(random, 2, 20, 1, sds).mean() for _ in range(5)]) for _ in range(3000)]
    parts = Components(sds[0] ** 2, sds[1] ** 2, sds[2] ** 2, sds[3] ** 2 + sds[4] ** 2)
    error, freedom = noise.design(parts, 10, 100, 5)
    assert (error, freedom) == (pytest.approx(np.std(means), rel=0.04), 4)
    assert sum(
        getattr(noise.contributions(parts, 10, 100, 5), name) for name in ("epoch", "training", "unit", "rest")
    ) == pytest.approx(error**2)


def advised(rows: list[dict[str, float]], margin: float = 0.01) -> str:
    budget = pd.DataFrame({"dataset": ["covid19", "acdc"], "folds": 1})
    hour = pd.DataFrame(
        [
            {"dataset": name, "unit": unit, "folds": 1, "pairs": 2.0, "limit": 0.005} | row
            for (name, unit), row in zip((("acdc", "patient"), ("covid19", "slice")), rows, strict=True)
        ]
    )
    return advice(budget, hour, margin, "CPU").split("**")[1]


def test_the_next_hour_goes_where_it_brings_most():
    seeds = {"of_units": 0.1, "detectable": 0.05, "after": 0.02}
    patients = {"of_units": 0.9, "detectable": 0.03, "after": 0.029}
    assert advised([seeds, seeds | {"after": 0.03}]) == "The next CPU hour: on more seeds of ACDC"
    assert advised([patients, seeds]) == "The next CPU hour: on more seeds of COVID-19"
    assert (
        advised([patients, patients | {"limit": 0.02}])
        == "The next CPU hour: on other slices of COVID-19 (folds), not on more seeds"
    )
    assert advised([seeds, patients], margin=0.1) == "The next CPU hour: on other data"
