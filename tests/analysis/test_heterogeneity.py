"""Is an effect the same in several networks: by hand, against a plain analysis of variance, its size; and the report."""

import numpy as np
import pytest
from scipy import stats

from cedice.analysis.heterogeneity import heterogeneity


def drawn(random: np.random.Generator, networks: float, trainings: float, shared: float, units: float) -> np.ndarray:
    """(3, 5, 40) differences with these standard deviations of networks, trainings, patients, networks × patients."""
    return (
        networks * np.arange(-1, 2)[:, None, None]
        + trainings * random.normal(size=(3, 5, 1))
        + shared * random.normal(size=(1, 1, 40))
        + units * random.normal(size=(3, 1, 40))
        + 0.02 * random.normal(size=(3, 5, 40))
    )


def test_where_patients_add_nothing_it_is_the_analysis_of_variance_of_the_trainings_means():
    random = np.random.default_rng(0)
    for _ in range(20):
        differences = drawn(random, 0.01, 0.02, 0.1, 0.0)
        found = heterogeneity(differences)
        if found.denominator == 12:
            expected = stats.f_oneway(*differences.mean(axis=2))
            assert (found.f, found.p) == (pytest.approx(expected.statistic), pytest.approx(expected.pvalue))
            return
    pytest.fail("no draw without a part of patients")


@pytest.mark.parametrize(("trainings", "units"), [(0.01, 0.0), (0.01, 0.03), (0.0, 0.03)])
def test_no_difference_is_called_one_in_twenty_at_most(trainings, units):
    random = np.random.default_rng(1)
    called = [heterogeneity(drawn(random, 0.0, trainings, 0.1, units)).p < 0.05 for _ in range(1000)]
    assert np.mean(called) < 0.075


def test_a_difference_is_seen_and_what_is_not_enough_is_refused():
    random = np.random.default_rng(2)
    assert heterogeneity(drawn(random, 0.05, 0.01, 0.1, 0.03)).p < 0.001
    assert heterogeneity(np.zeros((2, 2, 2))).p == 1
    with pytest.raises(ValueError, match="at least two"):
        heterogeneity(np.zeros((1, 5, 40)))
