"""Is the Dice term's effect the same in several networks? A test of the networks' part in paired differences.

D[k, s, p] is the paired difference CE + DL minus CE of network k, training s of it, and patient p. Networks are fixed, their
trainings are samples of their own (s of one network has nothing to do with s of another), and patients are a sample that all
share. With the mean squares MS_N of networks, MS_S of trainings within networks, MS_NP of networks × patients and MS_E of the
rest,

    F = MS_N / num,    num = MS_S + max(MS_NP − MS_E, 0),
    df = num² / (MS_S² / f_S + MS_NP² / f_NP + MS_E² / f_E),    f_S where MS_NP ≤ MS_E,

is compared with F(K − 1, df): under no difference, numerator and denominator have the same expectation (Satterthwaite,
Biometrics Bull. 2:110–114, 1946). What patients add to every network alike cancels.
"""

from typing import NamedTuple

import numpy as np
from scipy import special

from cedice.analysis.anova import combined


class Heterogeneity(NamedTuple):
    """F with its two numbers of degrees of freedom, and its p."""

    f: float
    numerator: int
    denominator: float
    p: float


def heterogeneity(differences: np.ndarray) -> Heterogeneity:
    """Of (networks, trainings, patients) differences; ValueError for fewer than two of any, or a value that is not finite."""
    networks, seeds, units = differences.shape
    if min(differences.shape) < 2 or not np.isfinite(differences).all():
        raise ValueError(f"{differences.shape} differences, at least two of each, all finite")
    by_network, by_training = differences.mean(axis=(1, 2)), differences.mean(axis=2)
    by_unit, mean = differences.mean(axis=1), differences.mean()
    crossed = by_unit - by_network[:, None] - by_unit.mean(axis=0) + mean
    rest = differences - by_training[:, :, None] - by_unit[:, None, :] + by_network[:, None, None]
    of_networks = seeds * units * ((by_network - mean) ** 2).sum() / (networks - 1)
    freedoms = np.array([networks * (seeds - 1), (networks - 1) * (units - 1), networks * (seeds - 1) * (units - 1)])
    sums = units * ((by_training - by_network[:, None]) ** 2).sum(), seeds * (crossed**2).sum(), (rest**2).sum()
    total, freedom = combined(np.array(sums) / freedoms, freedoms)
    ratio = float(of_networks / total) if total else 0.0
    return Heterogeneity(ratio, networks - 1, freedom, float(special.fdtrc(networks - 1, freedom, ratio)))
