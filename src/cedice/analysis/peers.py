"""Ours in the averages of published numbers, from the committed tables.

Volumes, as nnU-Net reports them: Dice of every class of a volume, its slices together; a class that prediction and truth both
lack is left out; mean over the volumes, then over the classes (`volumes`), or all foreground classes as one (`one_label`). With
folds, the trainings of a repeat measure every volume once.

COVID-SemiSeg, as its authors report it (Fan et al., IEEE TMI 39:2626–2637, 2020): Dice of a slice where its probability is at
least a threshold, the mean over slices; then the mean over thresholds (`thresholds`), the best of these (`best`), or instead
each slice at twice its own mean probability (`adaptive`). Theirs are 256 thresholds from 0 to 1 on maps stretched to 0–1; ours
are 0, 0.05, … 1, the bins of `cedice.evaluation.calibration`, on maps as they are, with straight lines between them for
`thresholds`, which is too low by about 0.02 where the curve falls steeply at both ends; the adaptive one is the nearest inner.
"""

import numpy as np
import pandas as pd

from cedice.evaluation.calibration import BINS
from cedice.evaluation.folds import Tables, pooled
from cedice.metrics import dice

BY_THRESHOLD = "covid19"  # whose published numbers are averages over thresholds


def table(counts: Tables, bins: Tables, folds: dict[str, int]) -> pd.DataFrame:
    """dataset, average, loss, mean, std (over the repeats, or over the seeds without folds; NaN for one), units (volumes, or
    slices): a row for each loss and average of the data sets with folds, and of COVID-SemiSeg where it has ``bins``.

    ``counts``, ``bins``: the counts and calibration tables by (data set, loss, seed); ``folds`` by data set, 1 without."""
    found: dict[tuple[str, str, str], list[float]] = {}
    units: dict[str, int] = {}
    for (dataset, loss, _), one in pooled(counts, folds).items():
        if folds[dataset] > 1:
            units[dataset] = one["volume"].nunique()
            for average, value in by_volume(one).items():
                found.setdefault((dataset, average, loss), []).append(value)
    for (dataset, loss, _), one in bins.items():
        if dataset == BY_THRESHOLD:
            units[dataset] = one["patient"].nunique()
            for average, value in by_threshold(one).items():
                found.setdefault((dataset, average, loss), []).append(value)
    rows = [
        {"dataset": dataset, "average": average, "loss": loss, "mean": np.mean(values), "units": units[dataset]}
        | {"std": np.std(values, ddof=1) if len(values) > 1 else np.nan}
        for (dataset, average, loss), values in found.items()
    ]
    return pd.DataFrame(rows)


def by_volume(counts: pd.DataFrame) -> dict[str, float]:
    """`volumes` and `one_label` of a counts table; the latter where there are several foreground classes."""
    sums = counts.groupby(["volume", "class"])[["tp", "fp", "fn", "tn"]].sum()
    scores = pd.Series(dice(sums["tp"], sums["fp"], sums["fn"]), sums.index).unstack("class")
    found = {"volumes": float(scores.drop(columns=0).mean().mean())}
    if scores.shape[1] > 2:
        background = sums.xs(0, level="class")  # what is not background is foreground, so its errors are the same pixels
        found["one_label"] = float(np.nanmean(dice(background["tn"], background["fn"], background["fp"])))
    return found


def by_threshold(bins: pd.DataFrame) -> dict[str, float]:
    """`thresholds`, `best` and `adaptive` of the first class in a calibration table whose patients are single slices."""
    bins = bins[bins["class"] == 1]
    pixels, positives, probability = (
        bins.pivot(index="patient", columns="bin", values=name).to_numpy() for name in ("pixels", "positives", "probability")
    )
    predicted, hits = (values[:, ::-1].cumsum(axis=1)[:, ::-1] for values in (pixels, positives))
    truth = positives.sum(axis=1, keepdims=True)
    scores = np.pad(dice(hits, predicted - hits, truth - hits, empty=0), ((0, 0), (0, 1)))  # at 1 nothing is marked
    nearest = np.rint(2 * BINS * probability.sum(axis=1) / pixels.sum(axis=1)).astype(int).clip(1, BINS - 1)
    curve = scores.mean(axis=0)
    adaptive = scores[np.arange(len(scores)), nearest].mean()
    return {"thresholds": float(np.trapezoid(curve) / BINS), "best": float(curve.max()), "adaptive": float(adaptive)}
