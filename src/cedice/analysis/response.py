"""What the kept experiments say: the effect of α, what a split by slice gains, and everything else that was tried.

An experiment belongs to the first where it changes α alone, to the second where it changes the split alone.
"""

import math
from typing import Any

import numpy as np
import pandas as pd

from cedice.analysis.experiments import Experiment
from cedice.analysis.statistics import bootstrap
from cedice.errors import CediceError
from cedice.evaluation.counts import regions, same_slices
from cedice.evaluation.runs import Run, Runs, values
from cedice.metrics import LAST_EPOCHS, METRICS
from cedice.paper import AVERAGES, TABLE_1

Points = dict[str, dict[float, dict[int, Run]]]  # {data set: {α ascending: {seed: training}}}, of one network
ALPHA, SPLIT = "loss.ce_dl.alpha", "split"  # the second is a key of the study


def by_alpha(base: Runs, alpha: float, experiments: list[Experiment]) -> Points:
    """All trainings by α; ``base`` has α = 0 in its first loss and ``alpha`` in its second."""
    points: Points = {}
    for (dataset, loss, seed), run in base.items():
        points.setdefault(dataset, {}).setdefault(alpha if loss == "ce_dl" else 0.0, {})[seed] = run
    for experiment in experiments:
        if list(experiment.changes) == [ALPHA]:
            for (dataset, _, seed), run in experiment.runs.items():
                points[dataset].setdefault(float(experiment.changes[ALPHA]), {})[seed] = run
    return {dataset: dict(sorted(by.items())) for dataset, by in points.items()}


def response(points: Points) -> pd.DataFrame:
    """One row per data set and α: dataset, alpha, seeds; mean and std over the seeds of dice (with background), foreground
    (Dice), pixel_error, and last_epochs (foreground Dice, mean over the last 10 epochs of each training).

    Against α = 0, on the seeds that every α of the data set has (`shared`, as text): `minus_zero`, foreground Dice minus that
    of α = 0, patient by patient, with `low` and `high` of its 95 % interval over patients, and units;
    `last_epochs_minus_zero`, the difference in last_epochs.

    CediceError where trainings were counted on different slices, on a single patient, or where no seed is shared.
    """
    rows = []
    for dataset, by in points.items():
        same_slices({(f"α = {alpha:g}", seed): run.counts for alpha, runs in by.items() for seed, run in runs.items()}, dataset)
        shared = [seed for seed in by[0.0] if all(seed in runs for runs in by.values())]
        if not shared:
            raise CediceError(f"{dataset}: no seed has a training with every α; train the missing ones")
        for alpha, runs in by.items():
            scores = pd.DataFrame(values(run, f"{dataset} α = {alpha:g} seed {seed}") for seed, run in runs.items())
            scores["last_epochs"] = [_last_epochs(run) for run in runs.values()]
            columns = {
                "dice": "dice_with_background",
                "foreground": "dice_foreground",
                "pixel_error": "pixel_error_foreground",
                "last_epochs": "last_epochs",
            }
            row: dict[str, Any] = {"dataset": dataset, "alpha": alpha, "seeds": len(runs)}
            for name, column in columns.items():
                row |= {f"{name}_mean": scores[column].mean(), f"{name}_std": scores[column].std(ddof=1)}
            row["shared"] = " ".join(map(str, shared))
            rows.append(row | _minus_zero([(runs[seed], by[0.0][seed]) for seed in shared]) if alpha else row)
    return pd.DataFrame(rows)


def _minus_zero(pairs: list[tuple[Run, Run]]) -> dict[str, float]:
    differences = np.stack([regions(run.counts)["dice"] - regions(plain.counts)["dice"] for run, plain in pairs])
    if differences.shape[1] < 2:
        raise CediceError("one patient in the validation set; a difference with an interval needs at least two")
    low, high = bootstrap(differences.mean(axis=0))
    tails = float(np.mean([_last_epochs(run) - _last_epochs(plain) for run, plain in pairs]))
    interval = {"minus_zero": float(differences.mean()), "low": low, "high": high, "units": differences.shape[1]}
    return interval | {"last_epochs_minus_zero": tails}


def _last_epochs(run: Run, column: str = "dice_foreground") -> float:
    return float(run.history[column].tail(LAST_EPOCHS).mean())


def leakage(base: Runs, experiments: list[Experiment], study: str) -> pd.DataFrame:
    """One row per data set, loss and metric: dataset, average (that of the paper's Table 1, as far as its numbers reveal it),
    loss, metric, seeds; by_patient and by_slice, means over the same seeds; gained, the second minus the first; and
    last_epochs_gained, that of the means over the last 10 epochs; spread, the standard deviation over all seeds by patient;
    paper; share, of the gap to the paper that is gained, NaN where the gap is no more than twice the spread and where the gain
    goes beyond the paper or away from it."""
    rows = []
    for experiment in experiments:
        if list(experiment.changes) == [f"{study}.{SPLIT}"]:
            for dataset, loss in dict.fromkeys(key[:2] for key in base if key in experiment.runs):
                rows += [_gained(base, experiment.runs, dataset, loss, metric) for metric in METRICS]
    return pd.DataFrame(rows)


def _gained(base: Runs, by_slice: Runs, dataset: str, loss: str, metric: str) -> dict[str, Any]:
    average = AVERAGES[dataset]
    column, paper = f"{metric}_{average}", TABLE_1[dataset][loss][metric]
    every = {key[2]: _score(base, key, column) for key in base if key[:2] == (dataset, loss)}
    shared = [seed for seed in every if (dataset, loss, seed) in by_slice]
    honest = float(np.mean([every[seed] for seed in shared]))
    leaky = float(np.mean([_score(by_slice, (dataset, loss, seed), column) for seed in shared]))
    tails = [
        _last_epochs(by_slice[dataset, loss, seed], column) - _last_epochs(base[dataset, loss, seed], column) for seed in shared
    ]
    spread = pd.Series(every).std(ddof=1)
    share = (leaky - honest) / (paper - honest)
    told = abs(paper - honest) > 2 * spread and 0 <= share <= 1
    keys = {"dataset": dataset, "average": average, "loss": loss, "metric": metric, "seeds": len(shared)}
    keys |= {"by_patient": honest, "by_slice": leaky, "gained": leaky - honest, "last_epochs_gained": float(np.mean(tails))}
    return keys | {"spread": spread, "paper": paper, "share": share if told else math.nan}


def _score(runs: Runs, key: tuple[str, str, int], column: str) -> float:
    dataset, loss, seed = key
    return values(runs[key], f"{dataset} {loss} seed {seed}")[column]
