"""Intervals, tests and corrections against theory and SciPy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from cedice.statistics import holm, paired


def test_one_seed_is_the_bootstrap_of_the_mean():
    values = np.random.default_rng(1).normal(0.3, 1, (1, 200))
    found = paired(values)
    theirs = stats.bootstrap((values[0],), np.mean, method="percentile", n_resamples=10_000, random_state=2)
    expected = theirs.confidence_interval
    assert (found.low, found.high) == pytest.approx(tuple(expected), abs=0.02)
    assert found.mean == pytest.approx(values.mean())
    assert found.p == pytest.approx(stats.wilcoxon(values[0]).pvalue)
    assert found.detectable == pytest.approx(2.8016 * values.std() / np.sqrt(200), rel=0.03)
    assert paired(values) == found  # the same random numbers every time


def test_seeds_that_differ_widen_the_interval():
    patients = np.random.default_rng(3).normal(0.2, 0.1, (1, 50))
    alike, apart = np.repeat(patients, 3, axis=0), patients + np.array([[-0.6], [0.0], [0.6]])
    assert paired(alike).low > 0
    assert paired(apart).low < 0 < paired(apart).mean
    assert (paired(alike).agreeing, paired(apart).agreeing) == (3, 2)
    assert paired(apart).p == pytest.approx(paired(alike).p)  # the test sees patients alone: why both are asked


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    random = np.random.default_rng(4)
    hits = 0
    for _ in range(100):
        truth, seeds = 0.2, random.normal(0, 0.1, (12, 1))
        found = paired(truth + seeds + random.normal(0, 0.3, (1, 40)) + random.normal(0, 0.1, (12, 40)))
        hits += found.low <= truth <= found.high
    assert hits >= 85


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
    assert (found.mean, found.low, found.high, found.p) == (0, 0, 0, 1)
