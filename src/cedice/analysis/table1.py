"""What `summary.json` holds: every number of a study as a mean over its seeds, with its spread, under stable keys.

For each data set and loss (`acdc.ce_dl.…`): `dice`, `iou`, `pixel_error` after the last epoch, in the paper's convention
(the mean over classes including the background); the same three under `foreground`; `std`, their standard deviations over
the seeds, per convention; `seeds`, how many; `collapsed`, in how many of them the network ends by predicting background
only; `last_epochs`, the mean over the last 10 epochs: `mean` and `std` over the seeds, `epoch_std` from epoch to epoch
within a training (root mean square over the seeds); `paper` as printed and `minus_paper`, ours less it, where the paper has
the data set. For each data set, `ce_dl_minus_ce` holds what the Dice term changed, seed by seed: mean, std, n per convention;
`ce_dl_minus_ce_last_epochs` the same of the means over the last 10 epochs, which jump less. A value that does not exist is
null; so is the standard deviation of one seed.
"""

import itertools
import math
from typing import Any

import numpy as np
import pandas as pd

from cedice.evaluation.runs import LAST_EPOCHS, Run, Runs, seeds, values
from cedice.metrics import CONVENTIONS, METRICS
from cedice.paper import TABLE_1, titles
from cedice.params import LOSSES


def summary(runs: Runs) -> dict[str, dict]:
    """The content of `summary.json`; CediceError where a history and its counts are of different trainings."""
    found = {}
    for dataset in dict.fromkeys(dataset for dataset, _, _ in runs):
        paper = TABLE_1.get(dataset, {})
        each = {
            loss: [values(runs[dataset, loss, seed], f"{dataset} {loss} seed {seed}") for seed in seeds(runs)]
            for loss in LOSSES
        }
        pairs = zip(each["ce_dl"], each["ce"], strict=True)
        found[dataset] = {
            **{
                loss: _loss([runs[dataset, loss, seed] for seed in seeds(runs)], each[loss], paper.get(loss)) for loss in LOSSES
            },
            "ce_dl_minus_ce": _each([{key: with_dice[key] - plain[key] for key in plain} for with_dice, plain in pairs]),
            "ce_dl_minus_ce_last_epochs": _each(
                [_tail(runs[dataset, "ce_dl", seed]) - _tail(runs[dataset, "ce", seed]) for seed in seeds(runs)]
            ),
        }
    return found


def _loss(runs: list[Run], values: list[dict[str, float]], paper: dict[str, float] | None) -> dict[str, Any]:
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


def headline(found: dict[str, dict]) -> dict[str, dict]:
    """The content of `metrics.json`, the few numbers of a `summary` that DVC shows in one row: for each data set the foreground
    Dice of each loss after the last epoch, and ``gain``, that of CE + DL minus that of CE. Short keys: DVC heads columns with
    them (`acdc.ce_dl`)."""
    return {
        dataset: {
            **{loss: values[loss]["foreground"]["dice"] for loss in LOSSES},
            "gain": values["ce_dl_minus_ce"]["foreground"]["dice"]["mean"],
        }
        for dataset, values in found.items()
    }


def csv_rows(found: dict[str, dict]) -> pd.DataFrame:
    """Table 1 with one row per data set, loss, convention and metric: mean, std and n over the seeds, the last epochs, paper,
    difference, direction.

    ``paper`` stands beside the convention that it is held against only; ``direction`` compares CE + DL with CE."""
    rows = []
    for dataset in titles(found):
        for loss in LOSSES:
            for convention in CONVENTIONS:
                for metric in METRICS:
                    ours = found[dataset][loss]
                    headline = convention == "with_background"
                    rows.append(
                        {
                            "dataset": dataset,
                            "loss": loss,
                            "convention": convention,
                            "metric": metric,
                            "mean": value(found, dataset, loss, convention, metric),
                            "std": ours["std"][convention][metric],
                            "seeds": ours["seeds"],
                            "collapsed": ours["collapsed"],
                            **{f"last_epochs_{key}": value for key, value in ours["last_epochs"][convention][metric].items()},
                            "paper": ours["paper"][metric] if headline else None,
                            "minus_paper": ours["minus_paper"][metric] if headline else None,
                            "direction": direction(found, dataset, convention, metric) if loss == "ce_dl" else "",
                        }
                    )
    return pd.DataFrame(rows)


def value(found: dict[str, dict], dataset: str, loss: str, convention: str, metric: str) -> float | None:
    """One mean of a `summary`."""
    values = found[dataset][loss]
    return (values if convention == "with_background" else values[convention])[metric]


def direction(found: dict[str, dict], dataset: str, convention: str, metric: str) -> str:
    """↑ or ↓ where CE + DL lies above or below CE, = where four digits do not differ, ? where there is no number."""
    change = found[dataset]["ce_dl_minus_ce"][convention][metric]["mean"]
    if change is None:
        return "?"
    return "=" if round(change, 4) == 0 else "↑" if change > 0 else "↓"
