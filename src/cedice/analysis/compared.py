"""CE + DL minus CE in one measure, patient by patient and seed by seed; and what all tests of a study share.

Few trainings or units: with fewer than three trainings a loss (three folds, where these are compared) or fewer than ten units a
verdict is
  confirmed, contradicted   as with many, for few widen the interval by themselves (docs/method.md has the sizes)
  too few to tell           else, whatever the test of equivalence says: a few differences that happen to lie together are no
                            sign that none matters. Nor is a confirmed one called too small to matter.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from cedice.analysis.nested import nested
from cedice.analysis.pairs import BASE, OTHER, minus
from cedice.analysis.statistics import LEVEL, Paired, detectable, holm, paired
from cedice.paper import PAIR

EQUAL, WITHIN, TOO_FEW = "no difference that matters", ", within the margin", "too few to tell"
TRAININGS, UNITS = 3, 10  # of fewer, nothing is said but a difference that is clear
Tables = dict[tuple[str, int], pd.DataFrame]  # of one data set, by (loss, seed): one row a patient, one column a measure


def compare(tables: Tables, measure: str, margin: float, folds: int) -> Paired:
    """Of the patients that have the measure in all trainings that validate them: `paired`, or `nested` where the trainings are
    of several of ``folds`` (training number k validates fold k modulo ``folds``; 1: all validate the same patients).

    NaN, but for the numbers of units and seeds, where fewer than two patients have it, or those of fewer than two folds.
    """
    parts = _by_fold(tables, measure, folds)
    differences = [part.to_numpy() for part in parts if part.shape[1]]
    units, seeds = sum(part.shape[1] for part in parts), sum(map(len, parts))
    if units < 2 or len(differences) < min(len(parts), 2):
        none = math.nan
        return Paired(none, none, none, none, none, none, none, none, none, none, units, seeds, 0)
    return paired(differences[0], margin) if len(parts) == 1 else nested(differences, margin)


def influence(tables: Tables, measure: str, folds: int) -> dict[str, Any]:
    """``influential``, the unit that carries most of the mean difference, and ``influence``, the share that it carries: its own
    difference over the sum of all, with folds by the weight that it has in the mean of theirs. None and NaN without a mean."""
    parts = [part.mean() / part.shape[1] for part in _by_fold(tables, measure, folds) if part.shape[1]]
    carried = pd.concat(parts) if parts else pd.Series(dtype=float)
    if not carried.sum():
        return {"influential": None, "influence": math.nan}
    shares = carried / carried.sum()
    return {"influential": shares.idxmax(), "influence": float(shares.max())}


def levels(tables: Tables, measure: str, folds: int) -> dict[str, float]:
    """{loss: its mean in the difference of `compare`}: over the patients that all trainings of their fold measure, then over
    the trainings; with folds, over these at last. NaN where no patient has the measure."""
    means: dict[str, list[float]] = {loss: [] for loss in PAIR}
    for trained in _trained(tables, folds):
        both = {loss: np.stack([tables[loss, seed][measure] for seed in trained]) for loss in PAIR}
        there = np.isfinite(both[BASE] - both[OTHER]).all(axis=0)
        for loss in PAIR:
            means[loss] += [both[loss][:, there].mean()] if there.any() else []
    return {loss: float(np.mean(of)) if of else math.nan for loss, of in means.items()}


def _by_fold(tables: Tables, measure: str, folds: int) -> list[pd.DataFrame]:
    """CE + DL minus CE of each fold that has trainings: a row a training, a column a unit that all of them measure."""
    values = {key: table[measure] for key, table in tables.items()}
    parts = (
        pd.DataFrame(minus(values, trained), columns=values[BASE, trained[0]].index) for trained in _trained(tables, folds)
    )
    return [part.loc[:, np.isfinite(part).all(axis=0)] for part in parts]


def _trained(tables: Tables, folds: int) -> Iterator[list[int]]:
    """The seeds of each fold that has trainings."""
    seeds = list(dict.fromkeys(seed for _, seed in tables))
    yield from filter(None, ([seed for seed in seeds if seed % folds == fold] for fold in range(folds)))


def corrected(table: pd.DataFrame, signs: dict[str, int]) -> pd.DataFrame:
    """``table`` with p corrected by Holm within each of its families, `detectable` at the level of the first step, and the
    verdict. ``signs``: by measure, the sign of the difference that is stated."""
    table = table.copy()
    for _, family in table.groupby("family"):
        tested = family.index[family["p"].notna()]
        table.loc[tested, "p"] = holm(family.loc[tested, "p"].to_list())
        level = LEVEL / max(len(tested), 1)
        table.loc[family.index, "detectable"] = [detectable(row.error, row.freedom, level) for row in family.itertuples()]
    few = (np.fmin(table["seeds"], table.get("folds", math.nan)) < TRAININGS) | (table["units"] < UNITS)
    table["verdict"] = [_verdict(row, signs[row.measure], of) for row, of in zip(table.itertuples(), few, strict=True)]
    return table


def _verdict(row: Any, sign: int, few: bool) -> str:
    if math.isnan(row.mean):
        return "not measured"
    if math.isnan(row.p):
        return "not testable"
    equal = row.p_equal < LEVEL and not few
    if row.p < LEVEL:
        return ("confirmed" if row.mean * sign > 0 else "contradicted") + (WITHIN if equal else "")
    if few:
        return TOO_FEW
    return EQUAL if equal else "not confirmed"
