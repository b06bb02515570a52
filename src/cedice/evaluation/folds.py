"""Trainings of a repeat, each of which validates the patients of a fold, as one: their tables, fold by fold."""

import pandas as pd

from cedice.evaluation.record import Tables


def pooled(tables: Tables, folds: dict[str, int]) -> Tables:
    """By (data set, loss, repeat) where a data set has folds (``folds``: 1 without): training number k validates fold k modulo
    their number F, in repeat ⌊k / F⌋, so that a repeat has every patient once. Repeats that lack folds which another has are
    left out. Other data sets stay as they are."""
    parts: dict[tuple[str, str, int], dict[int, pd.DataFrame]] = {}
    for (dataset, loss, seed), table in tables.items():
        repeat, fold = divmod(seed, folds[dataset])
        parts.setdefault((dataset, loss, repeat), {})[fold] = table
    most = {dataset: max(len(of) for (name, _, _), of in parts.items() if name == dataset) for dataset in folds}
    return {
        key: pd.concat([of[fold] for fold in sorted(of)], ignore_index=True)
        for key, of in parts.items()
        if len(of) == most[key[0]]
    }
