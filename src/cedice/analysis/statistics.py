"""Is a difference more than noise? Paired over patients and trainings: interval, tests, equivalence, detectable difference.

The question is whether other trainings on other patients would differ, too. Trainings s and patients p are both samples, and
crossed, as several readers of the same cases are. With the mean squares MS_s, MS_p and MS_e (the rest) of the S × P table of
paired differences, in a two-way analysis of variance with random effects:

    num = MS_s + max(MS_p − MS_e, 0),    se² = num / (S·P),
    df = num² / (MS_s² / (S − 1) + MS_p² / (P − 1) + MS_e² / ((S − 1)(P − 1))),    S − 1 where MS_p ≤ MS_e

(Satterthwaite, Biometrics Bull. 2:110–114, 1946), and mean / se is compared with Student's t. Where MS_s is small and MS_p and
MS_e nearly cancel, df falls below one: the interval may be without end, and next to nothing is called. Two more numbers
describe these very trainings on other patients: Wilcoxon's test and a bootstrap of patients. They decide nothing, for trainings
scatter: `python benchmarks/false_alarms.py` draws how often they would call a difference where there is none.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import optimize, special

from cedice.analysis.anova import combined, mean_squares

RESAMPLES = 10_000
LEVEL = 0.05  # of the two-sided test, of equivalence, and of the interval
POWER = 0.8
SLICES_A_PATIENT, ALIKE = 2.4, 0.6  # where patients are unknown: 48 slices of 20 patients; their intraclass correlation
_HOPELESS = 1000.0  # t beyond which nothing is worth finding or saying, and SciPy's noncentral t does not compute


@dataclass(frozen=True)
class Paired:
    """Of paired differences: mean; over other units and other trainings its standard error `error` with `freedom` degrees,
    `low` and `high` of the 95 % interval, `p` of no difference, and `p_equal`, of a difference as large as the margin (these
    six NaN for a single training); over other units alone `boot_low`, `boot_high` and Wilcoxon's `p_units`; the numbers of
    units and seeds; and `agreeing`, the seeds whose own mean has the sign of the whole."""

    mean: float
    error: float
    freedom: float
    low: float
    high: float
    p: float
    p_equal: float
    boot_low: float
    boot_high: float
    p_units: float
    units: int
    seeds: int
    agreeing: int


def paired(differences: np.ndarray, margin: float) -> Paired:
    """``differences``: (seeds, units) float, a unit being a patient, or a slice where patients are unknown.

    `p_equal` = max(P(t > (mean + margin) / se), P(t > (margin − mean) / se)): below 0.05 the 90 % interval lies within
    ± ``margin``. Raises ValueError for fewer than two units, or a value that is not finite.
    """
    seeds, units = differences.shape
    if units < 2 or not np.isfinite(differences).all():
        raise ValueError(f"{units} units, {int((~np.isfinite(differences)).sum())} values not finite: nothing to resample")
    by_unit, by_seed = differences.mean(axis=0), differences.mean(axis=1)
    mean = float(by_unit.mean())
    boot_low, boot_high = bootstrap(by_unit)
    agreeing = int((np.sign(by_seed) == np.sign(mean)).sum())
    error, freedom = crossed(differences) if seeds > 1 else (math.nan, math.nan)
    tested = (error, freedom, *limits(mean, error, freedom, LEVEL), *p_values(mean, error, freedom, margin))
    return Paired(mean, *tested, boot_low, boot_high, signed_rank(by_unit), units, seeds, agreeing)


def limits(mean: float, error: float, freedom: float, level: float) -> tuple[float, float]:
    """The ends of the interval by Student's t that leaves out ``level`` in both tails together: 0.05 for `low` and `high` of
    `Paired`; 2 · 0.05 for the 90 % interval, which lies within ± margin exactly where `p_equal` is below 0.05. (−∞, ∞) where t
    would have to exceed 1,000; NaN for a single training."""
    critical = special.stdtrit(freedom, 1 - level / 2)
    half = math.inf if critical > _HOPELESS else error * critical
    return float(mean - half), float(mean + half)


def p_values(mean: float, error: float, freedom: float, margin: float) -> tuple[float, float]:
    """(`p`, `p_equal`) of `Paired`, by Student's t."""
    if not error:
        return float(mean == 0), float(not abs(mean) < margin)
    tails = special.stdtr(freedom, [-abs(mean) / error, -(margin - abs(mean)) / error])
    return float(2 * tails[0]), float(tails[1])


def signed_rank(values: np.ndarray) -> float:
    """Two-sided p of Wilcoxon's signed-rank test (Biometrics Bull. 1:80–83, 1945) of (units,) values; zeros are left out, equal
    sizes share their mean rank. Exact for up to 50 values, or for 13 where some are zero or equal; else by the normal
    distribution. As `scipy.stats.wilcoxon`, whose exact test takes seconds where sizes are equal."""
    signed = values[values != 0]
    _, sizes, ties = np.unique(np.abs(signed), return_inverse=True, return_counts=True)
    ranks = (2 * ties.cumsum() - ties + 1)[sizes]  # doubled, so that they are whole
    count, positive = len(signed), int(ranks[signed > 0].sum())
    if not count:
        return 1.0
    if len(values) <= (50 if len(ties) == len(values) else 13):
        ways = np.zeros(ranks.sum() + 1)  # to give each sign, by the sum of the positive ranks
        ways[0] = 1
        for rank in ranks:
            ways[rank:] += ways[:-rank].copy()
        return float(min(1, 2 * min(ways[: positive + 1].sum(), ways[positive:].sum()) / 2.0**count))
    variance = (count * (count + 1) * (2 * count + 1) - (ties**3 - ties).sum() / 2) / 24
    return float(2 * special.ndtr(-abs(positive / 2 - count * (count + 1) / 4) / math.sqrt(variance)))


def bootstrap(*by_unit: np.ndarray) -> tuple[float, float]:
    """The 95 % percentile interval of the mean of (units,) values, or of the mean of the means of several such groups, each
    resampled by itself; with the same random numbers every time."""
    weights = _resampled(*map(len, by_unit))
    means = sum(drawn @ values for drawn, values in zip(weights, by_unit, strict=True)) / len(by_unit)
    low, high = np.percentile(means, [100 * LEVEL / 2, 100 * (1 - LEVEL / 2)])
    return float(low), float(high)


@lru_cache(maxsize=8)
def _resampled(*units: int) -> list[np.ndarray]:
    """For each group, (`RESAMPLES`, units): how often each unit is drawn, over their number."""
    random = np.random.default_rng(0)
    return [random.multinomial(number, np.full(number, 1 / number), size=RESAMPLES) / number for number in units]


def crossed(differences: np.ndarray) -> tuple[float, float]:
    """(se, df) of the module's equations; (0, 1) where nothing varies."""
    return standard_error(mean_squares(differences), *differences.shape)


def standard_error(squares: np.ndarray, seeds: float, units: float) -> tuple[float, float]:
    """The same from (MS_s, MS_p, MS_e) of a table of so many seeds and units."""
    total, freedom = combined(squares, np.array([seeds - 1, units - 1, (seeds - 1) * (units - 1)]))
    return math.sqrt(total / (seeds * units)), freedom


def clustered_error(error: float, freedom: float, slices: int) -> tuple[float, float]:
    """(se, df) where ``slices``, taken for independent, come in patients of m = `SLICES_A_PATIENT` whose differences correlate
    by ρ = `ALIKE`: se² · (1 + (m − 1) ρ), the design effect (Kish, Survey Sampling, 1965), and no more degrees of freedom than
    patients less one. It widens the trainings' part as well, so that it errs to the safe side."""
    patients = slices / SLICES_A_PATIENT
    return error * math.sqrt(1 + (SLICES_A_PATIENT - 1) * ALIKE), max(min(freedom, patients - 1), 1.0)


def components(differences: np.ndarray) -> tuple[float, float, float]:
    """Standard deviations of trainings, of units, and of the rest: √((MS_s − MS_e)/P), √((MS_p − MS_e)/S), √MS_e."""
    seeds, units = differences.shape
    of_seeds, of_units, of_rest = map(float, mean_squares(differences))
    return math.sqrt(max(of_seeds - of_rest, 0) / units), math.sqrt(max(of_units - of_rest, 0) / seeds), math.sqrt(of_rest)


def detectable(error: float, freedom: float, level: float) -> float:
    """The true difference that the two-sided test at ``level`` finds with 80 % power, by the noncentral t; it assumes that the
    standard error and its degrees of freedom are as they were measured. NaN for no standard error, ∞ where the degrees of
    freedom are so few that t would have to exceed 1,000."""
    if not error > 0:
        return 0.0 if error == 0 else math.nan
    critical = special.stdtrit(freedom, 1 - level / 2)
    if critical > _HOPELESS:
        return math.inf

    def lacking(shift: float) -> float:  # the other tail adds nothing that shows
        return 1 - float(special.nctdtr(freedom, shift, critical)) - POWER

    return error * float(optimize.brentq(lacking, 0, 3 * critical))


def by_chance(first: np.ndarray, second: np.ndarray, size: float) -> tuple[float, float, float]:
    """How often one training a loss would differ by ``size`` or more, in either direction, if the losses were equal; and 95 %
    limits that come from how well the spreads are known.

    ``first``, ``second``: (seeds,) the reported number of each training. Their difference has the variance s₁² + s₂²; the
    probability is by t with Satterthwaite's degrees of freedom. NaN for fewer than two seeds.
    """
    if min(len(first), len(second)) < 2:
        return math.nan, math.nan, math.nan
    variances = [float(np.var(values, ddof=1)) for values in (first, second)]
    variance = sum(variances)
    if not variance:
        return (float(size <= 0),) * 3
    freedom = variance**2 / sum(value**2 / (len(values) - 1) for value, values in zip(variances, (first, second), strict=True))
    limits = [variance * freedom / special.chdtri(freedom, tail) for tail in (LEVEL / 2, 1 - LEVEL / 2)]
    low, high = (float(2 * special.ndtr(-size / math.sqrt(limit))) for limit in limits)
    return float(2 * special.stdtr(freedom, -size / math.sqrt(variance))), low, high


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
