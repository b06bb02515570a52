"""CE + DL minus CE in one measure, patient by patient and seed by seed; and what all tests of a study share."""

import math
from typing import Any

import numpy as np
import pandas as pd

from cedice.analysis.nested import nested
from cedice.analysis.pairs import minus
from cedice.analysis.statistics import LEVEL, Paired, detectable, holm, paired

EQUAL, TOO_SMALL = "no difference that matters", ", but too small to matter"
Tables = dict[tuple[str, int], pd.DataFrame]  # of one data set, by (loss, seed): one row a patient, one column a measure


def compare(tables: Tables, measure: str, margin: float, folds: int) -> Paired:
    """Of the patients that have the measure in all trainings that validate them: `paired`, or `nested` where the trainings are
    of several of ``folds`` (training number k validates fold k modulo ``folds``; 1: all validate the same patients).

    NaN, but for the numbers of units and seeds, where fewer than two patients have it, or those of fewer than two folds.
    """
    seeds = list(dict.fromkeys(seed for _, seed in tables))
    differences, units = [], 0
    by_fold = [[seed for seed in seeds if seed % folds == fold] for fold in range(folds)]
    for trained in filter(None, by_fold):
        difference = minus({key: table[measure] for key, table in tables.items()}, trained)
        there = np.isfinite(difference).all(axis=0)
        units += int(there.sum())
        differences.append(difference[:, there])
    one = len(differences) == 1
    differences = [fold for fold in differences if fold.shape[1]]
    if units < 2 or (len(differences) == 1 and not one):
        none = math.nan
        return Paired(none, none, none, none, none, none, none, none, none, none, units, len(seeds), 0)
    return paired(differences[0], margin) if one else nested(differences, margin)


def corrected(table: pd.DataFrame, signs: dict[str, int]) -> pd.DataFrame:
    """``table`` with p corrected by Holm within each of its families, `detectable` at the level of the first step, and the
    verdict. ``signs``: by measure, the sign of the difference that is stated."""
    table = table.copy()
    for _, family in table.groupby("family"):
        tested = family.index[family["p"].notna()]
        table.loc[tested, "p"] = holm(family.loc[tested, "p"].to_list())
        level = LEVEL / max(len(tested), 1)
        table.loc[family.index, "detectable"] = [detectable(row.error, row.freedom, level) for row in family.itertuples()]
    table["verdict"] = [_verdict(row, signs[row.measure]) for row in table.itertuples()]
    return table


def _verdict(row: Any, sign: int) -> str:
    if math.isnan(row.mean):
        return "not measured"
    if math.isnan(row.p):
        return "not testable"
    if row.p < LEVEL:
        return ("confirmed" if row.mean * sign > 0 else "contradicted") + (TOO_SMALL if row.p_equal < LEVEL else "")
    return EQUAL if row.p_equal < LEVEL else "not confirmed"
