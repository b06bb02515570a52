"""Loss or decision rule? The difference in Dice with a threshold of 0.5, and with each loss at the threshold that suits it.

A calibrated network's Dice is highest at about half its best Dice (Lipton et al., ECML 2014), not at 0.5, and a network trained
on Dice has that shift built in. So the difference at 0.5 holds the loss and the decision rule together; three questions take
them apart, each by the test that decides the verdict:
  half    CE + DL minus CE, both at 0.5: the paper's question
  own     each at its own threshold: what the loss adds beyond the decision rule
  mixed   CE + DL at 0.5 minus CE at its own: whether the Dice term is worth more than a threshold.
Its own threshold is chosen for every training and unit (patient, or slice where patients are unknown) on all *other* units:
that of the highest mean foreground Dice. (They are units of the same validation set; on other data it may suit less well.)
"""

from dataclasses import asdict

import numpy as np
import pandas as pd

from cedice.analysis.compared import compare, corrected
from cedice.analysis.pairs import BASE, OTHER
from cedice.evaluation.record import Tables
from cedice.evaluation.thresholds import THRESHOLDS
from cedice.metrics import dice

QUESTIONS = {
    "half": "both at 0.5",
    "own": "each at its own threshold",
    "mixed": "CE + DL at 0.5, CE at its own threshold",
}
_HALF = int(np.flatnonzero(THRESHOLDS == 0.5)[0])


def scores(table: pd.DataFrame) -> pd.DataFrame:
    """Foreground Dice, a row a patient and a column a threshold, from `cedice.evaluation.thresholds`: mean over the classes, of
    which those that prediction and truth both lack are left out."""
    values = pd.Series(dice(table["tp"], table["fp"], table["fn"]), pd.MultiIndex.from_frame(table[["patient", "threshold"]]))
    return values.groupby(level=["patient", "threshold"], sort=False).mean().unstack("threshold", sort=False)


def best(table: pd.DataFrame) -> float:
    """The threshold of the highest mean over the patients of `scores`; the lowest of several."""
    return float(THRESHOLDS[int(np.argmax(table.mean().to_numpy()))])


def chosen(table: pd.DataFrame) -> np.ndarray:
    """The place in `THRESHOLDS` that suits all *other* patients best, (patients,), from `scores`."""
    values = table.to_numpy()
    there = np.isfinite(values)
    sums, numbers = np.where(there, values, 0).sum(axis=0), there.sum(axis=0)
    others = (sums - np.where(there, values, 0)) / np.maximum(numbers - there, 1)
    return others.argmax(axis=1)


def patients(table: pd.DataFrame) -> pd.DataFrame:
    """`half` and `own` of every patient, from `scores`."""
    values = table.to_numpy()
    own = values[np.arange(len(values)), chosen(table)]
    return pd.DataFrame({"half": values[:, _HALF], "own": own}, table.index)


def judge(tables: Tables, units: dict[str, str], margin: float, folds: dict[str, int]) -> pd.DataFrame:
    """One row per data set and question of `QUESTIONS`: dataset, measure (the question), unit, family, margin; `ce` and
    `ce_dl`, the levels whose difference is the mean; `ce_threshold` and `ce_dl_threshold`, the mean over the trainings of
    `best`; `theory`, half the best Dice of CE; then as of `cedice.analysis.verdict.judge`.

    ``tables``: of `cedice.evaluation.thresholds` by (data set, loss, seed); ``units``, ``folds``: by data set."""
    rows = []
    for dataset in dict.fromkeys(key[0] for key in tables):
        by_threshold = {key[1:]: scores(table) for key, table in tables.items() if key[0] == dataset}
        own = {key: patients(table) for key, table in by_threshold.items()}
        for (loss, _), table in own.items():
            table["mixed"] = table["own" if loss == BASE else "half"]
        thresholds = {
            f"{loss}_threshold": float(np.mean([best(table) for key, table in by_threshold.items() if key[0] == loss]))
            for loss in (BASE, OTHER)
        }
        top = np.mean([table.mean().max() for key, table in by_threshold.items() if key[0] == BASE])
        for question in QUESTIONS:
            result = compare(own, question, margin, folds[dataset])
            levels = {loss: level(own, loss, question, folds[dataset]) for loss in (BASE, OTHER)}
            keys = {"dataset": dataset, "measure": question, "unit": units[dataset], "family": "decision", "margin": margin}
            rows.append(keys | levels | thresholds | {"theory": float(top) / 2} | asdict(result))
    return corrected(pd.DataFrame(rows), dict.fromkeys(QUESTIONS, 1))


def level(tables: dict[tuple[str, int], pd.DataFrame], loss: str, measure: str, folds: int) -> float:
    """The mean of one loss that enters the difference of `compare`: over the patients that all trainings of their fold score,
    then over the trainings; with folds, over them at last."""
    means = []
    seeds = list(dict.fromkeys(seed for _, seed in tables))
    for trained in filter(None, ([seed for seed in seeds if seed % folds == fold] for fold in range(folds))):
        both = {name: np.stack([tables[name, seed][measure] for seed in trained]) for name in (BASE, OTHER)}
        there = np.isfinite(both[BASE] - both[OTHER]).all(axis=0)
        if there.any():
            means.append(both[loss][:, there].mean())
    return float(np.mean(means)) if means else float("nan")


def curves(tables: Tables) -> pd.DataFrame:
    """One row per data set, loss and threshold: dataset, loss, threshold, and mean and std over the trainings of the mean
    foreground Dice over the patients."""
    rows = []
    for dataset, loss in dict.fromkeys(key[:2] for key in tables):
        means = pd.DataFrame([scores(table).mean() for key, table in tables.items() if key[:2] == (dataset, loss)])
        part = {"dataset": dataset, "loss": loss, "threshold": THRESHOLDS, "mean": means.mean(), "std": means.std(ddof=1)}
        rows.append(pd.DataFrame(part).reset_index(drop=True))
    return pd.concat(rows, ignore_index=True)
