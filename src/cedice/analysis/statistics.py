"""Is a difference more than noise? Paired over patients and seeds: intervals, tests, correction, what could have been seen.

There are two questions. Would these very trainings differ on other patients, too? Wilcoxon's test and the bootstrap answer
that. Would other trainings, too, on other patients? The seeds are then a sample like the patients, and three are few. It is
asked as of several readers of the same cases, in a two-way analysis of variance with random seeds s and patients p:

    se² = (MS_s + max(MS_p − MS_sp, 0)) / (S·P),    df = (MS_s + max(MS_p − MS_sp, 0))² / (MS_s² / (S − 1)),

and mean / se is held against Student's t (Hillis, Statist. Med. 26:596–619, 2007). The first question alone would say too often
that there is something: `python benchmarks/false_alarms.py` draws how often.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

RESAMPLES = 10_000
LEVEL = 0.05  # of the two-sided test, and of the interval
_POWER = 0.8


@dataclass(frozen=True)
class Paired:
    """Of differences between two arms: mean; `low` and `high` of the 95 % interval and `p`, over other units and other seeds;
    `detectable`, the smallest true difference that would have been found so with 80 % power (these four NaN for a single seed);
    of these very seeds `boot_low` and `boot_high` of the 95 % bootstrap interval, and Wilcoxon's `p_units`; the numbers of
    units and seeds; and `agreeing`, the seeds whose own mean has the sign of the whole."""

    mean: float
    low: float
    high: float
    p: float
    detectable: float
    boot_low: float
    boot_high: float
    p_units: float
    units: int
    seeds: int
    agreeing: int


def paired(differences: np.ndarray) -> Paired:
    """``differences``: (seeds, units) float, a unit being a patient (or a slice, where patients are unknown).

    `low`, `high` and `p` are those of the module's t; `detectable` is (t₀.₉₇₅ + t₀.₈)·se. The bootstrap is the percentile one
    that draws units and seeds anew, both with replacement, crossed as they are measured, with the same random numbers every
    time; with few seeds its interval is too narrow. Wilcoxon's signed-rank test is over the units, each with its mean over the
    seeds. Raises ValueError for fewer than two units, or a value that is not finite.
    """
    seeds, units = differences.shape
    if units < 2 or not np.isfinite(differences).all():
        raise ValueError(f"{units} units, {int((~np.isfinite(differences)).sum())} values not finite: nothing to resample")
    random = np.random.default_rng(0)
    unit_weights = random.multinomial(units, np.full(units, 1 / units), size=RESAMPLES) / units
    seed_weights = random.multinomial(seeds, np.full(seeds, 1 / seeds), size=RESAMPLES) / seeds
    means = ((seed_weights @ differences) * unit_weights).sum(axis=1)
    boot_low, boot_high = np.percentile(means, [100 * LEVEL / 2, 100 * (1 - LEVEL / 2)])
    by_unit = differences.mean(axis=0)
    mean = float(by_unit.mean())
    p_units = float(stats.wilcoxon(by_unit).pvalue) if by_unit.any() else 1.0
    agreeing = int((np.sign(differences.mean(axis=1)) == np.sign(mean)).sum())
    error, freedom = _crossed(differences) if seeds > 1 else (math.nan, math.nan)
    student = stats.t(freedom)
    half = error * student.ppf(1 - LEVEL / 2)
    p = float(2 * student.sf(abs(mean) / error)) if error else float(mean == 0)
    detectable = float(half + error * student.ppf(_POWER))
    over_all = (mean, float(mean - half), float(mean + half), p, detectable)
    return Paired(*over_all, float(boot_low), float(boot_high), p_units, units, seeds, agreeing)


def _crossed(differences: np.ndarray) -> tuple[float, float]:
    """(se, df) of the module's equation; df is at most 10⁹, where MS_s is 0."""
    seeds, units = differences.shape
    mean, by_seed, by_unit = differences.mean(), differences.mean(axis=1), differences.mean(axis=0)
    rest = differences - by_seed[:, None] - by_unit + mean
    of_seeds = units * ((by_seed - mean) ** 2).sum() / (seeds - 1)
    of_units = seeds * ((by_unit - mean) ** 2).sum() / (units - 1)
    of_both = (rest**2).sum() / ((seeds - 1) * (units - 1))
    total = of_seeds + max(of_units - of_both, 0)
    freedom = (seeds - 1) * (total / of_seeds) ** 2 if of_seeds > total * 1e-4 else 1e9
    return math.sqrt(total / (seeds * units)), min(freedom, 1e9)


def units_needed(tests: int) -> int:
    """The fewest units over which Wilcoxon's signed-rank test, whose smallest p is 2^(1 − n), can pass Holm's first step."""
    return next(units for units in range(1, 100) if 2.0 ** (1 - units) * tests < LEVEL)


def holm(p_values: list[float]) -> list[float]:
    """Holm's step-down correction (Scand. J. Statist. 6:65–70, 1979): each p so that all together keep the level."""
    order = np.argsort(p_values, kind="stable")
    corrected, worst = [0.0] * len(p_values), 0.0
    for rank, position in enumerate(order):
        worst = max(worst, min(1.0, (len(p_values) - rank) * p_values[position]))
        corrected[position] = worst
    return corrected
