"""What the kept experiments say: the response to α, what a split by slice gains, and everything else that was tried.

An experiment belongs to the first where it changes α alone, to the second where it changes the split alone.
"""

import math
from typing import Any

import numpy as np
import pandas as pd

from cedice.analysis.experiments import Experiment
from cedice.analysis.statistics import paired
from cedice.errors import CediceError
from cedice.evaluation.counts import regions, same_slices
from cedice.evaluation.runs import LAST_EPOCHS, Run, Runs, values
from cedice.metrics import METRICS
from cedice.paper import TABLE_1
from cedice.params import LOSSES

ALPHA, SPLIT = "loss.ce_dl.alpha", "split"  # the second is a key of the study


def by_alpha(base: Runs, alpha: float, experiments: list[Experiment]) -> dict[str, dict[float, dict[int, Run]]]:
    """{data set: {α ascending: {seed: training}}}; ``base`` has α = 0 in its first loss and ``alpha`` in its second."""
    found: dict[str, dict[float, dict[int, Run]]] = {}
    for (dataset, loss, seed), run in base.items():
        found.setdefault(dataset, {}).setdefault(alpha if loss == "ce_dl" else 0.0, {})[seed] = run
    for experiment in experiments:
        if list(experiment.changes) == [ALPHA]:
            for (dataset, _, seed), run in experiment.runs.items():
                found[dataset].setdefault(float(experiment.changes[ALPHA]), {})[seed] = run
    return {dataset: dict(sorted(points.items())) for dataset, points in found.items()}


def response(points: dict[str, dict[float, dict[int, Run]]]) -> pd.DataFrame:
    """One row per data set and α: dataset, alpha, seeds; mean and std over the seeds of dice (with background), foreground
    (Dice), pixel_error, and last_epochs (foreground Dice, mean over the last 10 epochs of each training); `more`, the
    foreground Dice less that of α = 0, patient by patient on the same seeds, with `low` and `high` of its 95 % interval over
    patients and seeds, and units.

    CediceError where trainings were counted on different slices, or on a single patient.
    """
    rows = []
    for dataset, by in points.items():
        same_slices({(f"α = {alpha:g}", seed): run.counts for alpha, runs in by.items() for seed, run in runs.items()}, dataset)
        for alpha, runs in by.items():
            each = pd.DataFrame(values(run, f"{dataset} α = {alpha:g} seed {seed}") for seed, run in runs.items())
            each["last_epochs"] = [run.history["dice_foreground"].tail(LAST_EPOCHS).mean() for run in runs.values()]
            columns = {
                "dice": "dice_with_background",
                "foreground": "dice_foreground",
                "pixel_error": "pixel_error_foreground",
                "last_epochs": "last_epochs",
            }
            row: dict[str, Any] = {"dataset": dataset, "alpha": alpha, "seeds": len(runs)}
            for name, column in columns.items():
                row |= {f"{name}_mean": each[column].mean(), f"{name}_std": each[column].std(ddof=1)}
            rows.append(row | _more(runs, by[0.0]) if alpha else row)
    return pd.DataFrame(rows)


def _more(runs: dict[int, Run], plain: dict[int, Run]) -> dict[str, float]:
    seeds = [seed for seed in runs if seed in plain]
    differences = np.stack([regions(runs[seed].counts)["dice"] - regions(plain[seed].counts)["dice"] for seed in seeds])
    if differences.shape[1] < 2:
        raise CediceError("one patient in the validation set; a difference with an interval needs at least two")
    found = paired(differences)
    return {"more": found.mean, "low": found.boot_low, "high": found.boot_high, "units": found.units}


def leakage(base: Runs, experiments: list[Experiment], study: str) -> pd.DataFrame:
    """One row per data set, loss and metric, with background: dataset, loss, metric, seeds; by_patient and by_slice, means over
    the same seeds; gained, the second less the first; spread, the standard deviation over all seeds by patient; paper; share,
    of the gap to the paper that this is, NaN where the gap is no more than twice the spread."""
    rows = []
    for experiment in experiments:
        if list(experiment.changes) != [f"{study}.{SPLIT}"]:
            continue
        for dataset in dict.fromkeys(dataset for dataset, _, _ in base):
            for loss in LOSSES:
                seeds = [key[2] for key in experiment.runs if key[:2] == (dataset, loss) and key in base]
                both = [
                    pd.DataFrame(_of(runs, dataset, loss, seed) for seed in seeds).mean() for runs in (base, experiment.runs)
                ]
                honest_seeds = [key[2] for key in base if key[:2] == (dataset, loss)]
                every = pd.DataFrame(_of(base, dataset, loss, seed) for seed in honest_seeds)
                for metric in METRICS:
                    honest, leaky = (mean[f"{metric}_with_background"] for mean in both)
                    paper = TABLE_1[dataset][loss][metric]
                    keys = {"dataset": dataset, "loss": loss, "metric": metric, "seeds": len(seeds)}
                    found = {"by_patient": honest, "by_slice": leaky, "gained": leaky - honest}
                    spread = every[f"{metric}_with_background"].std(ddof=1)
                    gap = paper - honest
                    share = (leaky - honest) / gap if abs(gap) > 2 * spread else math.nan
                    found |= {"spread": spread, "paper": paper, "share": share}
                    rows.append(keys | found)
    return pd.DataFrame(rows)


def _of(runs: Runs, dataset: str, loss: str, seed: int) -> dict[str, float]:
    return values(runs[dataset, loss, seed], f"{dataset} {loss} seed {seed}")
