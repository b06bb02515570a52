"""Intervals, tests and corrections against theory and SciPy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from cedice.analysis import statistics
from cedice.analysis.statistics import holm, paired


def test_one_seed_is_the_bootstrap_of_the_mean():
    values = np.random.default_rng(1).normal(0.3, 1, (1, 200))
    found = paired(values)
    theirs = stats.bootstrap((values[0],), np.mean, method="percentile", n_resamples=10_000, random_state=2)
    expected = theirs.confidence_interval
    assert (found.boot_low, found.boot_high) == pytest.approx(tuple(expected), abs=0.02)
    assert found.mean == pytest.approx(values.mean())
    assert found.p_units == pytest.approx(stats.wilcoxon(values[0]).pvalue)
    assert np.isnan([found.low, found.high, found.p, found.detectable]).all()  # one training says nothing of others
    again = paired(values)
    assert (again.boot_low, again.boot_high) == (found.boot_low, found.boot_high)  # the same random numbers every time


def test_without_an_effect_of_the_patients_it_is_students_test_of_the_seeds():
    random = np.random.default_rng(5)
    noise = random.normal(0, 1, (5, 30))
    noise -= noise.mean(axis=0) - noise.mean()  # every patient alike: MS_p is 0
    values = noise + random.normal(0.4, 0.3, (5, 1))
    found, theirs = paired(values), stats.ttest_1samp(values.mean(axis=1), 0)
    expected = theirs.confidence_interval(0.95)
    assert found.p == pytest.approx(theirs.pvalue)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    error = stats.sem(values.mean(axis=1))
    assert found.detectable == pytest.approx(error * (stats.t.ppf(0.975, 4) + stats.t.ppf(0.8, 4)))


def test_with_seeds_that_are_alike_it_is_the_normal_test_of_the_patients():
    patients = np.random.default_rng(6).normal(0.1, 1, (1, 40))
    found = paired(np.repeat(patients, 3, axis=0))
    assert found.p == pytest.approx(2 * stats.norm.sf(patients.mean() / stats.sem(patients[0])))


def test_two_seeds_and_two_patients_by_hand():
    """Means 2 and 4 of the seeds, 2 and 4 of the patients: MS_s = MS_p = 4, MS_sp = 0; se² = 8 / 4, df = 64 / 16."""
    found = paired(np.array([[1.0, 3.0], [3.0, 5.0]]))
    assert found.mean == 3
    assert found.p == pytest.approx(2 * stats.t.sf(3 / np.sqrt(2), 4))


@pytest.mark.parametrize(("seeds", "of_seeds"), [(3, 0.1), (3, 0.02), (8, 0.1)])
def test_where_there_is_no_difference_it_finds_one_about_as_often_as_it_may(monkeypatch, seeds, of_seeds):
    monkeypatch.setattr(statistics, "RESAMPLES", 10)  # the bootstrap is not asked
    random = np.random.default_rng(7)
    found = 0
    for _ in range(300):
        found += paired(random.normal(0, of_seeds, (seeds, 1)) + random.normal(0, 0.1, (seeds, 30))).p < 0.05
    assert found / 300 < 0.09


def test_seeds_that_differ_widen_the_interval():
    patients = np.random.default_rng(3).normal(0.2, 0.1, (1, 50))
    alike, apart = np.repeat(patients, 3, axis=0), patients + np.array([[-0.6], [0.0], [0.6]])
    assert paired(alike).boot_low > 0
    assert paired(apart).boot_low < 0 < paired(apart).mean
    assert paired(apart).low < paired(apart).boot_low
    assert (paired(alike).agreeing, paired(apart).agreeing) == (3, 2)
    assert paired(apart).p_units == pytest.approx(paired(alike).p_units)  # it sees patients alone: why both are asked
    assert paired(alike).p < 0.05 < paired(apart).p


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    random = np.random.default_rng(4)
    hits = boot_hits = 0
    for _ in range(100):
        truth, seeds = 0.2, random.normal(0, 0.1, (12, 1))
        found = paired(truth + seeds + random.normal(0, 0.3, (1, 40)) + random.normal(0, 0.1, (12, 40)))
        hits += found.low <= truth <= found.high
        boot_hits += found.boot_low <= truth <= found.boot_high
    assert hits >= 89
    assert boot_hits >= 85


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_lies_between_the_raw_values_and_bonferroni_and_keeps_their_order(values):
    corrected = holm(values)
    assert all(raw <= new <= min(1, raw * len(values)) + 1e-12 for raw, new in zip(values, corrected, strict=True))
    assert sorted(corrected) == [corrected[position] for position in np.argsort(values, kind="stable")]


@pytest.mark.parametrize("values", [np.zeros((3, 1)), np.array([[0.1, np.nan]]), np.zeros((1, 0))])
def test_nothing_to_resample_is_an_error(values):
    with pytest.raises(ValueError, match="nothing to resample"):
        paired(values)


def test_no_difference_at_all():
    found = paired(np.zeros((2, 5)))
    assert (found.mean, found.low, found.high, found.p, found.p_units) == (0, 0, 0, 1, 1)
