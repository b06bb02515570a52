"""Intervals, tests, equivalence and corrections against theory, SciPy and simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from cedice.analysis import statistics
from cedice.analysis.statistics import by_chance, clustered_error, components, detectable, holm, paired, signed_rank
from cedice.reporting.markdown import interval

MARGIN = 0.01


@pytest.fixture
def few_resamples(monkeypatch):
    """Where the bootstrap is not asked."""
    monkeypatch.setattr(statistics, "RESAMPLES", 10)


def test_one_training_says_nothing_of_others_and_the_bootstrap_is_that_of_the_mean():
    values = np.random.default_rng(1).normal(0.3, 1, (1, 200))
    result = paired(values, MARGIN)
    theirs = stats.bootstrap((values[0],), np.mean, method="percentile", n_resamples=10_000, random_state=2)
    assert (result.boot_low, result.boot_high) == pytest.approx(tuple(theirs.confidence_interval), abs=0.02)
    assert result.mean == pytest.approx(values.mean())
    assert result.p_units == pytest.approx(stats.wilcoxon(values[0]).pvalue)
    assert np.isnan([result.error, result.freedom, result.low, result.high, result.p, result.p_equal]).all()
    assert paired(values, MARGIN).boot_low == result.boot_low  # the same random numbers every time


@pytest.mark.parametrize("count", [1, 2, 5, 9, 14, 50, 51, 90])
def test_the_signed_ranks_are_those_of_scipy_with_ties_and_zeros_too(count):
    random = np.random.default_rng(count)
    for digits, zeros in ((9, False), (9, True), (1, False), (0, True)):
        values = np.round(random.normal(0.4, 1, count), digits)
        values[::3] = 0 if zeros and count > 1 else values[::3]
        assert signed_rank(values) == pytest.approx(stats.wilcoxon(values).pvalue, rel=1e-12)
    assert signed_rank(np.zeros(count)) == 1


def test_the_bootstrap_resamples_units_only():
    units = np.random.default_rng(3).normal(0.2, 0.1, (1, 50))
    alike, apart = np.repeat(units, 3, axis=0), units + np.array([[-0.6], [0.0], [0.6]])
    assert paired(alike, MARGIN).boot_low == pytest.approx(paired(apart, MARGIN).boot_low)
    assert paired(apart, MARGIN).p_units == pytest.approx(paired(alike, MARGIN).p_units)
    assert paired(apart, MARGIN).low < 0 < paired(alike, MARGIN).low
    assert (paired(alike, MARGIN).agreeing, paired(apart, MARGIN).agreeing) == (3, 2)


def test_where_all_units_are_alike_it_is_students_test_of_the_trainings():
    random = np.random.default_rng(5)
    noise = random.normal(0, 1, (5, 30))
    noise -= noise.mean(axis=0) - noise.mean()  # MS_p is 0
    values = noise + random.normal(0.4, 0.3, (5, 1))
    result, theirs = paired(values, MARGIN), stats.ttest_1samp(values.mean(axis=1), 0)
    interval = theirs.confidence_interval(0.95)
    assert result.p == pytest.approx(theirs.pvalue)
    assert (result.low, result.high) == pytest.approx((interval.low, interval.high))
    assert result.freedom == 4


def test_where_all_trainings_are_alike_it_is_students_test_of_the_units():
    units = np.random.default_rng(6).normal(0.1, 1, (1, 40))
    result, theirs = paired(np.repeat(units, 3, axis=0), MARGIN), stats.ttest_1samp(units[0], 0)
    assert result.p == pytest.approx(theirs.pvalue)
    assert result.freedom == pytest.approx(39)


def test_mean_squares_that_nearly_cancel_leave_next_to_no_degree_of_freedom():
    """Equal trainings, and MS_p hardly above MS_e: the formula as it stands calls nothing, and nothing can be detected."""
    random = np.random.default_rng(11)
    values = random.normal(0, 0.1, (3, 20))
    values += 0.3 - values.mean(axis=1, keepdims=True) + np.array([[-0.001], [0.0], [0.001]])
    units = values.mean(axis=0) - values.mean()
    rest = values - values.mean(axis=1, keepdims=True) - units
    ratio = np.sqrt(1.02 * (rest**2).sum() / 38 / (3 * (units**2).sum() / 19))
    result = paired(values + (ratio - 1) * units, MARGIN)
    assert 0 < result.freedom < 0.2
    assert (result.p > 0.05, result.low < -1, result.high > 1) == (True, True, True)
    assert np.isinf(detectable(result.error, result.freedom, 0.05))
    assert interval(result.low, result.high).startswith("-")
    assert len(interval(result.low, result.high)) < 30


def test_two_trainings_and_two_units_by_hand():
    """Means 2 and 4 of the trainings, 2 and 4 of the units: MS_s = MS_p = 4, MS_e = 0; se² = 8 / 4, df = 64 / (16 + 16)."""
    result = paired(np.array([[1.0, 3.0], [3.0, 5.0]]), 4.0)
    assert (result.mean, result.error, result.freedom) == pytest.approx((3, np.sqrt(2), 2))
    assert result.p == pytest.approx(2 * stats.t.sf(3 / np.sqrt(2), 2))
    assert result.p_equal == pytest.approx(max(stats.t.sf((3 + 4) / np.sqrt(2), 2), stats.t.sf((4 - 3) / np.sqrt(2), 2)))


@given(st.floats(0.001, 0.2), st.integers(0, 1000))
def test_equivalence_is_that_the_90_percent_interval_lies_within_the_margin(margin, seed):
    random = np.random.default_rng(seed)
    values = random.normal(0.01, 0.03, (4, 1)) + random.normal(0, 0.03, (1, 12)) + random.normal(0, 0.05, (4, 12))
    result = paired(values, margin)
    half = result.error * stats.t.ppf(0.95, result.freedom)
    inside = -margin < result.mean - half and result.mean + half < margin
    assert (result.p_equal < 0.05) == inside


@pytest.mark.usefixtures("few_resamples")
@pytest.mark.parametrize(("seeds", "of_seeds"), [(3, 0.018), (5, 0.018), (10, 0.018), (3, 0.085)])
def test_where_there_is_no_difference_it_calls_one_about_as_often_as_it_may(seeds, of_seeds):
    """With the components of `small`'s differences in foreground Dice."""
    random, called = np.random.default_rng(7), 0
    for _ in range(1500):
        parts = random.normal(0, of_seeds, (seeds, 1)), random.normal(0, 0.032, (1, 20)), random.normal(0, 0.065, (seeds, 20))
        called += paired(sum(parts), MARGIN).p < 0.05
    assert called / 1500 < 0.066  # 0.05 and three standard errors


@pytest.mark.usefixtures("few_resamples")
def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    random = np.random.default_rng(4)
    hits = 0
    for _ in range(500):
        parts = random.normal(0, 0.1, (12, 1)), random.normal(0, 0.3, (1, 40)), random.normal(0, 0.1, (12, 40))
        result = paired(0.2 + sum(parts), MARGIN)
        hits += result.low <= 0.2 <= result.high
    assert 0.92 < hits / 500 < 0.98


def test_components_are_recovered():
    random = np.random.default_rng(8)
    parts = random.normal(0, 0.3, (400, 1)), random.normal(0, 0.2, (1, 400)), random.normal(0, 0.1, (400, 400))
    assert components(sum(parts)) == pytest.approx((0.3, 0.2, 0.1), rel=0.1)
    assert components(np.ones((3, 3))) == (0, 0, 0)


@pytest.mark.parametrize("freedom", [2.0, 3.1, 19.0, 400.0])
@pytest.mark.parametrize("level", [0.05, 0.025, 0.05 / 8])
def test_a_detectable_difference_is_found_with_its_power(freedom, level):
    size = detectable(0.5, freedom, level)
    random = np.random.default_rng(9)
    error = 0.5 * np.sqrt(random.chisquare(freedom, 40_000) / freedom)
    t = random.normal(size, 0.5, 40_000) / error
    assert np.mean(np.abs(t) > stats.t.ppf(1 - level / 2, freedom)) == pytest.approx(0.8, abs=0.01)


def test_what_cannot_be_detected():
    assert np.isnan(detectable(np.nan, np.nan, 0.05))
    assert detectable(0.0, 3.0, 0.05) == 0


def test_a_difference_by_chance():
    many = np.random.default_rng(10).normal(0.9, 0.02, (2, 5000))
    chance, low, high = by_chance(many[0], many[1], 0.03)
    assert chance == pytest.approx(2 * stats.norm.sf(0.03 / (0.02 * np.sqrt(2))), abs=0.01)
    assert low < chance < high
    few = by_chance(np.array([0.89, 0.90, 0.91]), np.array([0.90, 0.90, 0.90]), 0.01)
    assert few[0] == pytest.approx(2 * stats.t.sf(1, 2))
    assert np.isnan(by_chance(np.array([0.9]), np.array([0.9]), 0.01)).all()
    assert by_chance(np.full(3, 0.9), np.full(3, 0.9), 0.01) == (0, 0, 0)


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
        paired(values, MARGIN)


def test_no_difference_at_all():
    result = paired(np.zeros((2, 5)), MARGIN)
    assert (result.mean, result.low, result.high, result.p, result.p_equal, result.p_units) == (0, 0, 0, 1, 0, 1)


def test_slices_that_come_in_patients_widen_the_error_by_the_design_effect():
    """48 slices of 20 patients: 1 + (2.4 − 1) · 0.6 = 1.84, and 19 degrees of freedom at most."""
    assert clustered_error(0.01, 29.0, 48) == pytest.approx((0.01 * 1.84**0.5, 19))
    assert clustered_error(0.01, 10.4, 48)[1] == 10.4
    assert clustered_error(0.01, 5.0, 3)[1] == 1.0
