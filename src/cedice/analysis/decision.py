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

from cedice.analysis.compared import compare, corrected, levels
from cedice.analysis.pairs import BASE, OTHER
from cedice.evaluation.record import Tables
from cedice.evaluation.runs import Runs
from cedice.evaluation.thresholds import THRESHOLDS, best, of_bins, scores
from cedice.metrics import dice, iou

QUESTIONS = {
    "half": "both at 0.5",
    "own": "each at its own threshold",
    "mixed": "CE + DL at 0.5, CE at its own threshold",
}
_HALF = int(np.flatnonzero(THRESHOLDS == 0.5)[0])


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


def tables(bins: Tables, kept: Tables) -> tuple[Tables, dict[str, bool]]:
    """The thresholds' tables of all trainings, and by data set whether they are exact: those that were ``kept``, where all
    trainings of a data set have them, else from the ``bins`` of calibration, which are exact for one class alone."""
    found: Tables = {}
    exact = {}
    for dataset in dict.fromkeys(key[0] for key in bins):
        of = {key: table for key, table in bins.items() if key[0] == dataset}
        every = of.keys() <= kept.keys()
        found |= {key: kept[key] if every else of_bins(table) for key, table in of.items()}
        exact[dataset] = every or all(table["class"].max() == 1 for table in of.values())
    return found, exact


def judge(
    tables: Tables, regions: Tables, units: dict[str, str], margin: float, folds: dict[str, int], exact: dict[str, bool]
) -> pd.DataFrame:
    """One row per data set and question of `QUESTIONS`: dataset, measure (the question), unit, family, margin; `ce` and
    `ce_dl`, the levels whose difference is the mean; `ce_threshold` and `ce_dl_threshold`, the mean over the trainings of
    `best`; `theory`, half the best Dice of CE; exact; `apart`; then as of `cedice.analysis.verdict.judge`.

    ``tables``: of `cedice.evaluation.thresholds`; ``regions``: of the label maps (`cedice.evaluation.counts`); ``units``,
    ``folds``, ``exact``: by data set. Where several classes are held against the rest one by one, a loss's Dice at 0.5 may lie
    ``margin`` or more `apart` from that of its label maps; then nothing is judged.
    """
    rows = []
    for dataset in dict.fromkeys(key[0] for key in tables):
        by_threshold = {key[1:]: scores(table) for key, table in tables.items() if key[0] == dataset}
        maps = {key[1:]: table for key, table in regions.items() if key[0] == dataset}
        own = {key: patients(table) for key, table in by_threshold.items()}
        for (loss, _), table in own.items():
            table["mixed"] = table["own" if loss == BASE else "half"]
        count, losses = folds[dataset], (BASE, OTHER)
        both = levels(own, "half", count), levels(maps, "dice", count)
        apart = max(abs(both[0][loss] - both[1][loss]) for loss in losses)
        best_of = {loss: [best(table) for key, table in by_threshold.items() if key[0] == loss] for loss in losses}
        top = np.mean([table.mean().max() for key, table in by_threshold.items() if key[0] == BASE])
        told = {f"{loss}_threshold": float(np.mean(best_of[loss])) for loss in losses}
        told |= {"theory": float(top) / 2, "exact": exact[dataset], "apart": apart}
        for question in QUESTIONS:
            if apart >= margin:
                for table in own.values():
                    table[question] = np.nan
            keys = {"dataset": dataset, "measure": question, "unit": units[dataset], "family": "decision", "margin": margin}
            rows.append(keys | levels(own, question, count) | told | asdict(compare(own, question, margin, count)))
    return corrected(pd.DataFrame(rows), dict.fromkeys(QUESTIONS, 1))


def curves(tables: Tables) -> pd.DataFrame:
    """One row per data set, loss and threshold: dataset, loss, threshold, and mean and std over the trainings of the mean
    foreground Dice over the patients."""
    rows = []
    for dataset, loss in dict.fromkeys(key[:2] for key in tables):
        means = pd.DataFrame([scores(table).mean() for key, table in tables.items() if key[:2] == (dataset, loss)])
        part = {"dataset": dataset, "loss": loss, "threshold": THRESHOLDS, "mean": means.mean(), "std": means.std(ddof=1)}
        rows.append(pd.DataFrame(part).reset_index(drop=True))
    return pd.concat(rows, ignore_index=True)


def pooled(table: pd.DataFrame, pixels: int) -> dict[str, float]:
    """Foreground dice and iou, and pixel_error (of one class; else NaN), of the counts of all patients together, each at the
    threshold that suits the others; ``pixels``: of all their slices."""
    patients_ = list(dict.fromkeys(table["patient"]))
    place = dict(zip(patients_, THRESHOLDS[chosen(scores(table))], strict=True))
    sums = table[table["threshold"] == table["patient"].map(place)].groupby("class")[["tp", "fp", "fn"]].sum()
    counts = [sums[name].to_numpy() for name in sums]
    wrong = float(sums["fp"].iloc[0] + sums["fn"].iloc[0]) / pixels if len(sums) == 1 else np.nan
    return {"dice": float(np.nanmean(dice(*counts))), "iou": float(np.nanmean(iou(*counts))), "pixel_error": wrong}


def at_own(tables: Tables, runs: Runs) -> dict[tuple[str, str], dict[str, tuple[float, float]]]:
    """By data set and loss, the mean and standard deviation over the trainings of each value of `pooled`."""
    found = {}
    for dataset, loss in dict.fromkeys(key[:2] for key in tables):
        keys = [key for key in tables if key[:2] == (dataset, loss)]
        pixels = [int(runs[key].counts.groupby("class")[["tp", "fp", "fn", "tn"]].sum().iloc[0].sum()) for key in keys]
        values = pd.DataFrame([pooled(tables[key], each) for key, each in zip(keys, pixels, strict=True)])
        found[dataset, loss] = {metric: (float(values[metric].mean()), float(values[metric].std(ddof=1))) for metric in values}
    return found
