"""Which learning rate suits each loss: the candidates, the inner split that tells, and the choice.

A rate tuned for one loss flatters it, so each has its own best out of the same candidates (`stages/rates.py`). They are
compared on patients that train in fold 0, so that none of those who validate there has a say.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from cedice.errors import CediceError

CANDIDATES = (0.001, 0.003, 0.01, 0.03)
EPOCHS = {"covid19": 75, "hippocampus": 13}  # the data sets that decide, for all others too, and how long each trains
SEED = 0  # whose training side is split
MEASURE = "averaged_dice_foreground"  # after the last epoch
_STEP = 5


def inner(patients: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """The positions (int64, in order) of the slices that train and of those that validate, from the patient of each slice.

    Every fifth patient, counted as they first appear, validates with all slices. CediceError for fewer than five patients.
    """
    order = {patient: position for position, patient in enumerate(dict.fromkeys(patients))}
    if len(order) < _STEP:
        raise CediceError(f"learning rates: {len(order)} patients train, and the inner split needs {_STEP}")
    validates = np.array([order[patient] % _STEP == _STEP - 1 for patient in patients])
    return np.flatnonzero(~validates), np.flatnonzero(validates)


def chosen(table: pd.DataFrame) -> dict[str, float]:
    """{loss: the rate with the highest mean of `MEASURE` over the data sets}, the lower of equal ones.

    ``table``: one row for each dataset, loss and learning_rate. CediceError where one of these combinations is missing."""
    means = {}
    for loss, rows in table.groupby("loss"):
        values = rows.pivot(index="learning_rate", columns="dataset", values=MEASURE)
        if values.isna().any(axis=None):
            raise CediceError(f"learning rates: {loss} lacks one for a data set; run stages/rates.py again")
        means[str(loss)] = values.mean(axis=1).sort_index()
    return {loss: float(values.idxmax()) for loss, values in means.items()}
