"""Is a difference more than noise, where patients are nested in trainings: training k validates the patients of fold k mod F.

D[f, r, p] is the paired difference of patient p of fold f in repeat r, D = μ + F_f + T_fr + P_fp + E_frp; m_f is its mean over
r and p.

What decides: mean of the m_f, unweighted; se = sd(m_f) / √F; Student's t with F − 1 degrees of freedom. It is exact for normal
m_f, whatever folds, trainings and patients add, for any number of repeats. A test over the patients of all folds together is
not: those of one fold share a training, and its size is 0.05 to 0.63 (`python benchmarks/false_alarms.py`).

Two more numbers describe. *Overlap*: with 1.5 · se, since any two trainings share most of their patients, which no estimate of
variance sees without bias (Nadeau and Bengio, Mach. Learn. 52:239–281, 2003; Bengio and Grandvalet, JMLR 5:1089–1105, 2004).
*Alike*, for two repeats or more, as if folds added nothing (where they add 0.003 to 0.005, its size is 0.09 to 0.15):
    MS_T = n Σ (D_fr· − m_f)² / (F(R−1)),   MS_P = R Σ (D_f·p − m_f)² / (F(n−1)),
    MS_E = Σ (D − D_fr· − D_f·p + m_f)² / (F(R−1)(n−1)),   num = MS_T + max(MS_P − MS_E, 0),   se² = num / (R·N),
    df = num² / (MS_T² / (F(R−1)) + MS_P² / (F(n−1)) + MS_E² / (F(R−1)(n−1))),   F(R−1) where MS_P ≤ MS_E.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from cedice.analysis.anova import combined, sums
from cedice.analysis.statistics import LEVEL, Paired, bootstrap, p_values

OVERLAP = 1.5  # times the standard error


@dataclass(frozen=True)
class Nested(Paired):
    """`Paired` over folds: ``units`` are the patients of all of them, ``seeds`` the trainings, `p_units` is NaN, and the
    bootstrap resamples the patients of each fold. Besides: the number of ``folds``; `p_overlap` and `p_equal_overlap`, with
    1.5 · se; and `error_alike`, `freedom_alike`, `p_alike`, as if folds added nothing (NaN for one repeat, or unequally many).
    """

    folds: int
    p_overlap: float
    p_equal_overlap: float
    error_alike: float
    freedom_alike: float
    p_alike: float


def nested(differences: Sequence[np.ndarray], margin: float) -> Nested:
    """``differences``: a (repeats, patients) float array for each fold; folds may differ in both.

    `p_equal` as in `statistics.paired`. Raises ValueError for fewer than two folds, a fold without patients or trainings, or a
    value that is not finite.
    """
    if len(differences) < 2 or not all(fold.size and np.isfinite(fold).all() for fold in differences):
        raise ValueError(f"{len(differences)} folds, of the sizes {[fold.shape for fold in differences]}: nothing to compare")
    means = np.array([fold.mean() for fold in differences])
    mean, error, freedom = over_folds(means)
    half = float(error * special.stdtrit(freedom, 1 - LEVEL / 2))
    trainings = np.concatenate([fold.mean(axis=1) for fold in differences])
    tested = (mean, error, freedom, mean - half, mean + half, *p_values(mean, error, freedom, margin))
    resampled = bootstrap(*(fold.mean(axis=0) for fold in differences))
    units, agreeing = sum(fold.shape[1] for fold in differences), int((np.sign(trainings) == np.sign(mean)).sum())
    error_alike, freedom_alike = alike(differences)
    p_alike, _ = p_values(mean, error_alike, freedom_alike, margin)
    more = (*p_values(mean, OVERLAP * error, freedom, margin), error_alike, freedom_alike, p_alike)
    return Nested(*tested, *resampled, math.nan, units, len(trainings), agreeing, len(means), *more)


def over_folds(means: np.ndarray) -> tuple[float, float, float]:
    """(mean, se, df) of the module's first test, from the means of the folds, (F,)."""
    return float(means.mean()), float(np.std(means, ddof=1) / math.sqrt(len(means))), float(len(means) - 1)


def alike(differences: Sequence[np.ndarray]) -> tuple[float, float]:
    """(se, df) of the module's second test; sums over folds where they differ in patients. (NaN, NaN) for one repeat, for
    unequally many, and where every fold has one patient."""
    folds, repeats = len(differences), len(differences[0])
    units = sum(fold.shape[1] for fold in differences)
    if repeats < 2 or any(len(fold) != repeats for fold in differences) or units == folds:
        return math.nan, math.nan
    freedoms = np.array([folds * (repeats - 1), units - folds, (units - folds) * (repeats - 1)])
    squares = sum(sums(fold)[0][:3] for fold in differences)
    total, freedom = combined(squares / freedoms, freedoms)
    return math.sqrt(total / (repeats * units)), freedom
