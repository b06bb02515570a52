"""What `metrics.json` holds: every number of a study as a mean over its seeds, with its spread, under stable keys.

For each data set and arm (`acdc.ce_dl.…`): `dice`, `iou`, `pixel_error` after the last epoch, in the paper's convention
(the mean over classes including the background); the same three under `foreground`; `std`, their standard deviations over
the seeds, per convention; `seeds`, how many; `collapsed`, in how many of them the network ends by predicting background
only; `last_epochs`, the mean over the last 10 epochs: `mean` and `std` over the seeds, `epoch_std` from epoch to epoch
within a training (root mean square over the seeds); `paper` as printed and `minus_paper`, ours less it, where the paper has
the data set. For each data set, `ce_dl_minus_ce` holds what the Dice term changed, seed by seed: mean, std, n per convention;
`ce_dl_minus_ce_last_epochs` the same of the means over the last 10 epochs, which jump less. A value that does not exist is
null; so is the standard deviation of one seed.
"""

import itertools
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cedice import paths
from cedice.errors import CediceError
from cedice.evaluation import load_counts, pooled_headline
from cedice.metrics import CONVENTIONS, METRICS
from cedice.paper import TABLE_1
from cedice.params import ARMS

LAST_EPOCHS = 10
_AGREEMENT = 2e-3  # evaluation on another device turns a few pixels in a thousand, another training many more


@dataclass(frozen=True)
class Run:
    """What is kept of one training: its counts table, its history, its run record."""

    counts: pd.DataFrame
    history: pd.DataFrame
    record: dict[str, Any]

    @classmethod
    def read(cls, counts: Path, history: Path, record: Path) -> "Run":
        """From its three files; CediceError for damaged counts."""
        described = json.loads(record.read_text(encoding="utf-8"))
        return cls(load_counts(counts, described["settings"]["classes"]), pd.read_csv(history), described)

    @classmethod
    def of(cls, study: str, dataset: str, arm: str, seed: int) -> "Run":
        """Of one training."""
        training = study, dataset, arm, seed
        return cls.read(paths.counts(*training), paths.history(*training), paths.run_record(*training))


Runs = dict[tuple[str, str, int], Run]  # by (data set, arm, seed), complete in all three


def seeds(runs: Runs) -> list[int]:
    """The seeds in their order."""
    return list(dict.fromkeys(seed for _, _, seed in runs))


def metrics(runs: Runs) -> dict[str, dict]:
    """The content of `metrics.json`; CediceError where a history and its counts are of different trainings."""
    found = {}
    for dataset in dict.fromkeys(dataset for dataset, _, _ in runs):
        paper = TABLE_1.get(dataset, {})
        each = {arm: [values(runs[dataset, arm, seed], f"{dataset} {arm} seed {seed}") for seed in seeds(runs)] for arm in ARMS}
        pairs = zip(each["ce_dl"], each["ce"], strict=True)
        found[dataset] = {
            **{arm: _arm([runs[dataset, arm, seed] for seed in seeds(runs)], each[arm], paper.get(arm)) for arm in ARMS},
            "ce_dl_minus_ce": _each([{key: with_dice[key] - plain[key] for key in plain} for with_dice, plain in pairs]),
            "ce_dl_minus_ce_last_epochs": _each(
                [_tail(runs[dataset, "ce_dl", seed]) - _tail(runs[dataset, "ce", seed]) for seed in seeds(runs)]
            ),
        }
    return found


def values(run: Run, name: str) -> dict[str, float]:
    """The headline values {"<metric>_<convention>": value} of the counts, held against the last epoch of the history:
    CediceError, with the ``name`` of the training, where they are of different ones."""
    found, last = {}, run.history.iloc[-1]
    for convention, headline in pooled_headline(run.counts).items():
        for metric, value in headline.items():
            key = f"{metric}_{convention}"
            if math.isnan(value) != math.isnan(last[key]) or abs(value - last[key]) > _AGREEMENT:
                raise CediceError(
                    f"{name}: {metric} ({convention}) is {value:.4f} by the counts and {last[key]:.4f} by "
                    "the last epoch of the history; they are of different trainings: run the train and evaluate stages again"
                )
            found[key] = value
    return found


def _arm(runs: list[Run], values: list[dict[str, float]], paper: dict[str, float] | None) -> dict[str, Any]:
    tails = [run.history.tail(LAST_EPOCHS) for run in runs]
    after, last_epochs = _each(values), _each([_tail(run) for run in runs])
    for convention, metric in itertools.product(CONVENTIONS, METRICS):
        variances = [tail[f"{metric}_{convention}"].var(ddof=1) for tail in tails]
        last_epochs[convention][metric]["epoch_std"] = _number(np.sqrt(np.mean(variances)))
    means = {convention: {metric: after[convention][metric]["mean"] for metric in METRICS} for convention in CONVENTIONS}
    less = {
        metric: None if value is None or paper is None else _number(value - paper[metric])
        for metric, value in means["with_background"].items()
    }
    return {
        **means["with_background"],
        "foreground": means["foreground"],
        "std": {convention: {metric: after[convention][metric]["std"] for metric in METRICS} for convention in CONVENTIONS},
        "seeds": len(runs),
        "collapsed": sum(int(run.history["collapsed"].iloc[-1]) for run in runs),
        "last_epochs": last_epochs,
        "paper": paper or dict.fromkeys(METRICS),
        "minus_paper": less,
    }


def _tail(run: Run) -> pd.Series:
    return run.history.tail(LAST_EPOCHS).mean(numeric_only=True)


def _each(values: list) -> dict[str, dict[str, dict[str, float | int | None]]]:
    """{convention: {metric: mean, standard deviation and n of value["<metric>_<convention>"] over the seeds}}."""
    spreads = {}
    for convention in CONVENTIONS:
        columns = {metric: pd.Series([value[f"{metric}_{convention}"] for value in values]) for metric in METRICS}
        spreads[convention] = {
            metric: {"mean": _number(column.mean()), "std": _number(column.std(ddof=1)), "n": int(column.count())}
            for metric, column in columns.items()
        }
    return spreads


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(float(value), 6)
