"""Sums of squares of paired differences, for every test and for the noise budget.

A table D[s, p, e] holds trainings s, units p (patients, or slices) crossed with them, and epochs e nested in trainings; a table
of one epoch has two axes. The effects are those of trainings, units, trainings × units, epochs, and the rest.
"""

import numpy as np


def sums(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sums of squares of the five effects in a (trainings, units[, epochs]) table, (5,), and their degrees of freedom, (5,)."""
    table = table[:, :, None] if table.ndim == 2 else table
    trainings, units, epochs = table.shape
    by_both, by_epoch, mean = table.mean(axis=2), table.mean(axis=1), table.mean()
    by_training, by_unit = by_both.mean(axis=1), by_both.mean(axis=0)
    both = by_both - by_training[:, None] - by_unit + mean
    rest = table - by_both[:, :, None] - by_epoch[:, None, :] + by_training[:, None, None]
    effects = by_training - mean, by_unit - mean, both, by_epoch - by_training[:, None], rest
    counts = np.array([units * epochs, trainings * epochs, epochs, units, 1])
    within = trainings * (epochs - 1)
    freedoms = np.array([trainings - 1, units - 1, (trainings - 1) * (units - 1), within, within * (units - 1)])
    return counts * [(effect**2).sum() for effect in effects], freedoms


def mean_squares(table: np.ndarray) -> np.ndarray:
    """(MS_s, MS_p, MS_e) of trainings, units and the rest of a (trainings, units) table; at least two of both."""
    squares, freedoms = sums(table)
    return squares[:3] / freedoms[:3]


def combined(squares: np.ndarray, freedoms: np.ndarray) -> tuple[float, float]:
    """MS_s + max(MS_p − MS_e, 0) of three mean squares, and its degrees of freedom (Satterthwaite, Biometrics Bull. 2:110–114,
    1946): its square over Σ MS² / f, or those of MS_s where MS_p ≤ MS_e."""
    of_trainings, of_units, of_rest = squares
    total = of_trainings + max(of_units - of_rest, 0)
    if of_units <= of_rest:
        return float(total), float(freedoms[0])
    return float(total), float(total**2 / (squares**2 / freedoms).sum())
