"""Quality or speed? The difference in foreground Dice against the epoch, and what it says of what the Dice term buys.

The rule, written down before any number of the averaged networks was known: where the mean over the seeds lies within the
margin of Dice (`params.yaml`) from epoch k to the end, the Dice term bought *speed*, and the difference is gone after epoch k;
where it lies beyond the margin after the last epoch, it bought *quality* (or cost it), as far as this training's length can
show; where it never leaves the margin, neither. The averaged network after epoch t is that of a training of t epochs, so that
a curve tells about shorter trainings as well. An answer is settled where the 95 % interval over the seeds says the same after
the last epoch: wholly within the margin, or wholly beyond it.
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import special

from cedice.analysis.pairs import BASE, OTHER, minus
from cedice.analysis.statistics import LEVEL
from cedice.evaluation.runs import Runs, seeds

QUALITY, SPEED, NEITHER, UNTESTABLE = "quality", "speed", "neither", "not testable"


class Best(NamedTuple):
    """Of one data set: by loss the ``epoch`` of the highest foreground Dice (mean over the seeds, pooled over the validation
    set; the first of several), that ``dice`` and the ``last``; CE + DL minus CE ``early``, at the earlier of both epochs, and
    ``late``, after the last of ``epochs``."""

    epoch: dict[str, int]
    dice: dict[str, float]
    last: dict[str, float]
    early: float
    late: float
    epochs: int

    @property
    def past(self) -> bool:
        """Whether both losses are at their best in the first two thirds of the training."""
        return max(self.epoch.values()) <= 2 * self.epochs / 3


class Answer(NamedTuple):
    """Of one data set: `QUALITY` and so on; ``epoch`` from which the difference is gone (of `SPEED`); ``epochs`` of the
    training; the difference after the last with its interval over the seeds; whether that interval settles it."""

    kind: str
    epoch: int
    epochs: int
    mean: float
    low: float
    high: float
    settled: bool


def over_epochs(runs: dict[str, Runs]) -> pd.DataFrame:
    """One row per network, data set and epoch of the histories: readout, dataset, epoch, seeds; mean, std, and low and high of
    the 95 % interval (Student's t over the seeds) of foreground Dice, pooled over the validation set, CE + DL minus CE. NaN for
    one seed."""
    parts = []
    for readout, by in runs.items():
        for dataset in dict.fromkeys(name for name, _, _ in by):
            numbers = seeds(by, dataset)
            dice = {key[1:]: run.history["dice_foreground"] for key, run in by.items() if key[0] == dataset}
            differences = pd.DataFrame(minus(dice, numbers))
            mean, std = differences.mean(), differences.std(ddof=1)
            half = std / np.sqrt(len(numbers)) * special.stdtrit(max(len(numbers) - 1, 1), 1 - LEVEL / 2)
            part = {"readout": readout, "dataset": dataset, "epoch": by[dataset, BASE, numbers[0]].history["epoch"]}
            part |= {"seeds": len(numbers), "mean": mean, "std": std, "low": mean - half, "high": mean + half}
            parts.append(pd.DataFrame(part))
    return pd.concat(parts, ignore_index=True)


def best(runs: Runs, dataset: str) -> Best:
    """When the networks of ``dataset`` are at their best. The validation set says it, so it chooses no network."""
    curves = {
        loss: np.mean([run.history["dice_foreground"] for key, run in runs.items() if key[:2] == (dataset, loss)], axis=0)
        for loss in (BASE, OTHER)
    }
    difference, at = curves[OTHER] - curves[BASE], {loss: int(curve.argmax()) for loss, curve in curves.items()}
    dice, last = ({loss: float(curve[place[loss]]) for loss, curve in curves.items()} for place in (at, dict.fromkeys(at, -1)))
    epochs = next(run.history["epoch"] for key, run in runs.items() if key[0] == dataset)
    early, late = float(difference[min(at.values())]), float(difference[-1])
    return Best({loss: int(epochs[place]) for loss, place in at.items()}, dice, last, early, late, int(epochs.iloc[-1]))


def answer(rows: pd.DataFrame, margin: float) -> Answer:
    """By the module's rule, from the rows of one network and data set of `over_epochs`."""
    last: dict[str, Any] = rows.iloc[-1].to_dict()
    numbers = int(last["epoch"]), last["mean"], last["low"], last["high"]
    if last["seeds"] == 1:
        return Answer(UNTESTABLE, 0, *numbers, False)
    beyond = np.flatnonzero(~(rows["mean"].abs() <= margin))
    if len(beyond) and beyond[-1] == len(rows) - 1:
        return Answer(QUALITY, 0, *numbers, bool(last["low"] > margin or last["high"] < -margin))
    settled = bool(-margin < last["low"] and last["high"] < margin)
    if not len(beyond):
        return Answer(NEITHER, 0, *numbers, settled)
    return Answer(SPEED, int(rows["epoch"].iloc[beyond[-1] + 1]), *numbers, settled)
