"""What the kept experiments say: the effect of α, what a split by slice gains, and everything else that was tried.

An experiment belongs to the first where it changes α alone, to the second where it changes the split alone.
"""

import math
from typing import Any

import numpy as np
import pandas as pd

from cedice.analysis.experiments import Experiment
from cedice.analysis.pairs import OTHER
from cedice.analysis.statistics import paired
from cedice.errors import CediceError
from cedice.evaluation.counts import pooled_headline, regions, same_slices
from cedice.evaluation.runs import Run, Runs, values
from cedice.metrics import LAST_EPOCHS, METRICS

Points = dict[str, dict[float, dict[int, Run]]]  # {data set: {α ascending: {seed: training}}}, of one network
BySeed = dict[int, pd.DataFrame]  # counts
ALPHA, SPLIT = f"loss.{OTHER}.alpha", "split"  # the second is a key of the study


def by_alpha(base: Runs, alpha: float, experiments: list[Experiment]) -> Points:
    """All trainings by α; ``base`` has α = 0 in its first loss and ``alpha`` in its second."""
    points: Points = {}
    for (dataset, loss, seed), run in base.items():
        points.setdefault(dataset, {}).setdefault(alpha if loss == OTHER else 0.0, {})[seed] = run
    for experiment in experiments:
        if list(experiment.changes) == [ALPHA]:
            for (dataset, _, seed), run in experiment.runs.items():
                points[dataset].setdefault(float(experiment.changes[ALPHA]), {})[seed] = run
    return {dataset: dict(sorted(by.items())) for dataset, by in points.items()}


def response(points: Points) -> pd.DataFrame:
    """One row per data set and α: dataset, alpha, seeds; mean and std over the seeds of dice (with background), foreground
    (Dice), pixel_error, and last_epochs (foreground Dice, mean over the last 10 epochs of each training).

    Against α = 0, on the seeds that every α of the data set has (`shared`, as text): `minus_zero`, foreground Dice minus that
    of α = 0, patient by patient, with `low` and `high` of its 95 % interval and `p` of the test that decides the verdict
    (`statistics.paired`; NaN for one seed), and units; `last_epochs_minus_zero`, the difference in last_epochs.

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
    found = paired(differences, math.nan)
    tails = float(np.mean([_last_epochs(run) - _last_epochs(plain) for run, plain in pairs]))
    tested = {"minus_zero": found.mean, "low": found.low, "high": found.high, "p": found.p, "units": found.units}
    return tested | {"last_epochs_minus_zero": tails}


def _last_epochs(run: Run) -> float:
    return float(run.history["dice_foreground"].tail(LAST_EPOCHS).mean())


def leakage(base: Runs, experiments: list[Experiment], study: str) -> pd.DataFrame:
    """One row per data set, loss and metric (over the foreground), of the slices that validate by both splits: dataset, loss,
    metric, seeds, slices (how many); by_patient and by_slice, counts pooled over these slices, means over the same seeds;
    gained, the second minus the first; spread, the standard deviation over all seeds by patient. No rows where the splits share
    no slice."""
    rows = []
    for experiment in experiments:
        if list(experiment.changes) == [f"{study}.{SPLIT}"]:
            for dataset, loss in dict.fromkeys(key[:2] for key in base if key in experiment.runs):
                by_patient, by_slice = (
                    {seed: run.counts for (*names, seed), run in runs.items() if names == [dataset, loss]}
                    for runs in (base, experiment.runs)
                )
                rows += _gained(by_patient, by_slice, {"dataset": dataset, "loss": loss})
    return pd.DataFrame(rows)


def _gained(by_patient: BySeed, by_slice: BySeed, keys: dict[str, str]) -> list[dict[str, Any]]:
    seeds = [seed for seed in by_patient if seed in by_slice]
    slices = set(by_patient[seeds[0]]["slice"]) & set(by_slice[seeds[0]]["slice"])
    if not slices:
        return []
    honest, leaky = (
        {seed: pooled_headline(counts[counts["slice"].isin(slices)])["foreground"] for seed, counts in of.items()}
        for of in (by_patient, by_slice)
    )
    rows = []
    for metric in METRICS:
        means = [float(np.mean([of[seed][metric] for seed in seeds])) for of in (honest, leaky)]
        spread = pd.Series([of[metric] for of in honest.values()]).std(ddof=1)
        row = {"metric": metric, "seeds": len(seeds), "slices": len(slices), "by_patient": means[0], "by_slice": means[1]}
        rows.append(keys | row | {"gained": means[1] - means[0], "spread": spread})
    return rows
