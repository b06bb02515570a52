"""Folds against a vector computed by other code, Student's t, and simulation."""

import numpy as np
import pytest
from scipy import stats

from cedice.analysis.nested import Nested, nested, over_folds
from cedice.analysis.statistics import p_values, paired

MARGIN = 0.01


def vector(repeats: int) -> list[np.ndarray]:
    """D[f, r, p] = ((3f + 5r + 7p + f·r·p) mod 11) / 1000 of five folds of four patients."""
    return [
        np.array([[((3 * f + 5 * r + 7 * p + f * r * p) % 11) / 1000 for p in range(4)] for r in range(repeats)])
        for f in range(5)
    ]


def test_the_vector_with_two_repeats():
    result = nested(vector(2), MARGIN)
    assert (result.mean, result.error, result.freedom) == pytest.approx((0.004825, 3.635760e-4, 4), rel=1e-6)
    assert (result.p, result.p_equal) == pytest.approx((1.86329e-4, 7.07462e-5), rel=1e-5)
    assert (result.error_alike, result.freedom_alike, result.p_alike) == pytest.approx((5.190135e-4, 5, 2.42283e-4), rel=1e-5)
    assert (result.units, result.seeds, result.folds, result.agreeing) == (20, 10, 5, 10)
    assert np.isnan(result.p_units)


def test_the_vector_with_one_repeat():
    result = nested(vector(1), MARGIN)
    assert (result.mean, result.error) == pytest.approx((0.00495, 4.430011e-4), rel=1e-6)
    assert result.mean / result.error == pytest.approx(11.1738, rel=1e-5)
    assert (result.p, result.p_equal) == pytest.approx((3.65182e-4, 1.68895e-4), rel=1e-5)
    assert np.isnan([result.error_alike, result.freedom_alike, result.p_alike]).all()


def test_it_is_students_test_of_the_means_of_folds_and_their_overlap_widens_it():
    random = np.random.default_rng(1)
    folds = [random.normal(0.02, 0.03, (2, units)) for units in (4, 9, 20, 31, 36)]
    result, means = nested(folds, MARGIN), [fold.mean() for fold in folds]
    theirs = stats.ttest_1samp(means, 0)
    interval = theirs.confidence_interval(0.95)
    assert (result.mean, result.p) == pytest.approx((np.mean(means), theirs.pvalue))
    assert (result.low, result.high) == pytest.approx((interval.low, interval.high))
    assert result.units == 100
    assert result.p_overlap == pytest.approx(2 * stats.t.sf(theirs.statistic / 1.5, 4))
    equal = [stats.ttest_1samp(means, side * MARGIN, alternative=way).pvalue for side, way in ((-1, "greater"), (1, "less"))]
    assert result.p_equal == pytest.approx(max(equal))


def test_where_a_fold_is_all_there_is_the_second_test_is_that_of_crossed_trainings_and_patients():
    """Two folds that are copies: mean squares as of one, twice the degrees of freedom, twice the patients."""
    random = np.random.default_rng(2)
    fold = random.normal(0, 0.02, (3, 1)) + random.normal(0.01, 0.05, (1, 12)) + random.normal(0, 0.02, (3, 12))
    one, two = paired(fold, MARGIN), nested([fold, fold], MARGIN)
    assert two.error_alike == pytest.approx(one.error / np.sqrt(2))
    assert two.freedom_alike == pytest.approx(2 * one.freedom)


def test_the_bootstrap_resamples_the_patients_of_each_fold():
    random = np.random.default_rng(3)
    folds = [np.repeat(random.normal(shift, 0.1, (1, 40)), 2, axis=0) for shift in (-5.0, 0.0, 5.0)]
    result = nested(folds, MARGIN)
    spread = np.sqrt(sum(fold[0].var() / 40 for fold in folds)) / 3  # the folds' own distances add nothing
    assert result.boot_high - result.boot_low == pytest.approx(2 * 1.96 * spread, rel=0.05)
    assert result.low < result.boot_low < result.mean < result.boot_high < result.high
    assert (result.seeds, result.agreeing) == (
        6,
        int(sum(np.sign(fold[0].mean()) == np.sign(result.mean) for fold in folds)) * 2,
    )


@pytest.mark.parametrize(
    "folds", [[np.ones((1, 3))], [], [np.ones((1, 3)), np.ones((1, 0))], [np.ones((2, 2)), np.full((2, 2), np.nan)]]
)
def test_too_little_is_an_error(folds):
    with pytest.raises(ValueError, match="nothing to compare"):
        nested(folds, MARGIN)


def test_unequal_repeats_have_no_second_test():
    result = nested([np.full((2, 3), 0.1), np.full((1, 3), 0.3)], MARGIN)
    assert isinstance(result, Nested)
    assert (result.mean, result.error) == pytest.approx((0.2, 0.1))
    assert np.isnan(result.p_alike)
    assert nested([np.full((2, 1), 0.1), np.full((2, 1), 0.3)], MARGIN).seeds == 4


@pytest.mark.parametrize(
    ("spreads", "units"),
    [
        ((0, 0.005, 0.02), (20,) * 5),
        ((0.005, 0.005, 0.02), (20,) * 5),
        ((0, 0, 0.02), (20,) * 5),
        ((0, 0.01, 0.02), (12, 16, 20, 24, 28)),
    ],
)
@pytest.mark.parametrize("repeats", [1, 2])
def test_where_there_is_no_difference_it_calls_one_as_often_as_it_may(spreads, units, repeats):
    values = simulated(spreads, units, repeats, 0)
    assert 0.035 < (values[:, 0] < 0.05).mean() < 0.065  # 4,000 draws: 0.05 and four standard errors


def test_its_power_is_that_of_the_noncentral_t():
    """Five and ten trainings; half of the patients' variance is theirs in every training, half the rest."""
    for repeats, small, large in ((1, 0.48, 0.71), (2, 0.73, 0.92)):
        for difference, power in ((0.0123, small), (0.0164, large)):
            found = (simulated((0, 0.010, 0.02), (20,) * 5, repeats, difference)[:, 0] < 0.05).mean()
            assert found == pytest.approx(power, abs=0.03)
    assert (simulated((0, 0.005, 0.02), (20,) * 5, 1, 0)[:, 1] < 0.05).mean() == pytest.approx(0.73, abs=0.03)


def simulated(spreads, units, repeats: int, difference: float, draws: int = 4000) -> np.ndarray:
    """(p, p_equal) of each draw; standard deviations of folds, trainings and patients."""
    random, folds = np.random.default_rng(4), []
    for patients in units:
        shapes = (1, 1), (repeats, 1), (1, patients), (repeats, patients)
        sizes = spreads[0], spreads[1], spreads[2] * np.sqrt(0.5), spreads[2] * np.sqrt(0.5)
        folds.append(sum(random.normal(0, size, (draws, *shape)) for size, shape in zip(sizes, shapes, strict=True)))
    means = np.stack([fold.mean(axis=(1, 2)) for fold in folds], axis=1) + difference
    return np.array([p_values(*over_folds(row), MARGIN) for row in means])
