"""Is a difference more than noise? Paired over patients and seeds: interval, test, correction, what could have been seen."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

RESAMPLES = 10_000
LEVEL = 0.05  # of the two-sided test, and of the interval
_POWER = 0.8


@dataclass(frozen=True)
class Paired:
    """Of differences between two arms: mean; `low` and `high` of the 95 % bootstrap interval; Wilcoxon's `p`; the numbers
    of units and seeds; `agreeing`, the seeds whose own mean has the sign of the whole; and `detectable`, the smallest true
    difference that would have been found with 80 % power."""

    mean: float
    low: float
    high: float
    p: float
    units: int
    seeds: int
    agreeing: int
    detectable: float


def paired(differences: np.ndarray) -> Paired:
    """``differences``: (seeds, units) float, a unit being a patient (or a slice, where patients are unknown).

    The interval is of the percentile bootstrap that draws units and seeds anew, both with replacement, crossed as they are
    measured; its random numbers are the same every time. The test is Wilcoxon's signed-rank over the units, each with its mean
    over the seeds. `detectable` is (z₀.₉₇₅ + z₀.₈) times the bootstrap's standard deviation. Few seeds make the interval
    too narrow (three, by a fifth or more), which is why `agreeing` is told. Raises ValueError for fewer than two units, or a
    value that is not finite.
    """
    seeds, units = differences.shape
    if units < 2 or not np.isfinite(differences).all():
        raise ValueError(f"{units} units, {int((~np.isfinite(differences)).sum())} values not finite: nothing to resample")
    random = np.random.default_rng(0)
    unit_weights = random.multinomial(units, np.full(units, 1 / units), size=RESAMPLES) / units
    seed_weights = random.multinomial(seeds, np.full(seeds, 1 / seeds), size=RESAMPLES) / seeds
    means = ((seed_weights @ differences) * unit_weights).sum(axis=1)
    low, high = np.percentile(means, [100 * LEVEL / 2, 100 * (1 - LEVEL / 2)])
    by_unit = differences.mean(axis=0)
    p = float(stats.wilcoxon(by_unit).pvalue) if by_unit.any() else 1.0
    detectable = float((stats.norm.ppf(1 - LEVEL / 2) + stats.norm.ppf(_POWER)) * means.std(ddof=1))
    agreeing = int((np.sign(differences.mean(axis=1)) == np.sign(by_unit.mean())).sum())
    return Paired(float(by_unit.mean()), float(low), float(high), p, units, seeds, agreeing, detectable)


def holm(p_values: list[float]) -> list[float]:
    """Holm's step-down correction (Scand. J. Statist. 6:65–70, 1979): each p so that all together keep the level."""
    order = np.argsort(p_values, kind="stable")
    corrected, worst = [0.0] * len(p_values), 0.0
    for rank, position in enumerate(order):
        worst = max(worst, min(1.0, (len(p_values) - rank) * p_values[position]))
        corrected[position] = worst
    return corrected
