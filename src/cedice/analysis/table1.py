"""What `summary.json` holds: every number of a study as a mean over its seeds, with its spread, under stable keys.

For each network (`last`, `averaged`: `cedice.paths.READOUTS`), data set and loss (`last.acdc.ce_dl.…`): `dice`, `iou`,
`pixel_error` after the last epoch, in the paper's convention (the mean over classes including the background); the same three
under `foreground`; `std`, their standard deviations over the seeds, per convention; `seeds`, how many; `collapsed`, in how
many of them the network ends by predicting background only; `last_epochs`, the mean over the last 10 epochs: `mean` and `std`
over the seeds, `epoch_std` from epoch to epoch within a training (root mean square over the seeds); `paper` as printed and
`minus_paper`, ours minus it, where the paper has the data set, in the average that its numbers fit (`cedice.paper.AVERAGES`),
for the network of the last epoch alone, which it reports. For each data set, `ce_dl_minus_ce` holds what the Dice term
changed, seed by seed: mean, std, n per convention; `ce_dl_minus_ce_last_epochs` the same of the means over the last 10 epochs,
which jump less. A value that does not exist is null; so is the standard deviation of one seed."""

import itertools
import math
from typing import Any

import numpy as np
import pandas as pd

from cedice.analysis.mixtures import Mixtures
from cedice.analysis.pairs import BASE, OTHER
from cedice.evaluation.runs import Run, Runs, values
from cedice.metrics import CONVENTIONS, LAST_EPOCHS, METRICS
from cedice.paper import AVERAGES, TABLE_1, titles


def summary(runs: Runs, readout: str) -> dict[str, dict]:
    """The part of `summary.json` of one network; CediceError where a history and its counts are of different trainings."""
    table = {}
    for dataset in dict.fromkeys(dataset for dataset, _, _ in runs):
        chosen: dict[str, dict[int, Run]] = {}
        for loss, seed in (key[1:] for key in runs if key[0] == dataset):
            chosen.setdefault(loss, {})[seed] = runs[dataset, loss, seed]
        scores = {
            loss: [values(run, f"{dataset} {loss} seed {seed}") for seed, run in by_seed.items()]
            for loss, by_seed in chosen.items()
        }
        paper = TABLE_1.get(dataset, {}) if readout == "last" else {}
        pairs = zip(scores[OTHER], scores[BASE], strict=True)
        table[dataset] = {
            **{loss: _loss(list(by_seed.values()), scores[loss], dataset, paper.get(loss)) for loss, by_seed in chosen.items()},
            "ce_dl_minus_ce": _spreads([{key: with_dice[key] - plain[key] for key in plain} for with_dice, plain in pairs]),
            "ce_dl_minus_ce_last_epochs": _spreads(
                [_tail(run) - _tail(chosen[BASE][seed]) for seed, run in chosen[OTHER].items()]
            ),
        }
    return table


def _loss(runs: list[Run], values: list[dict[str, float]], dataset: str, paper: dict[str, float] | None) -> dict[str, Any]:
    tails = [run.history.tail(LAST_EPOCHS) for run in runs]
    after, last_epochs = _spreads(values), _spreads([_tail(run) for run in runs])
    for convention, metric in itertools.product(CONVENTIONS, METRICS):
        variances = [tail[f"{metric}_{convention}"].var(ddof=1) for tail in tails]
        last_epochs[convention][metric]["epoch_std"] = _number(np.sqrt(np.mean(variances)))
    means = {convention: {metric: after[convention][metric]["mean"] for metric in METRICS} for convention in CONVENTIONS}
    minus_paper = {
        metric: None if value is None or paper is None else _number(value - paper[metric])
        for metric, value in means[AVERAGES.get(dataset, "with_background")].items()
    }
    return {
        **means["with_background"],
        "foreground": means["foreground"],
        "std": {convention: {metric: after[convention][metric]["std"] for metric in METRICS} for convention in CONVENTIONS},
        "seeds": len(runs),
        "collapsed": sum(int(run.history["collapsed"].iloc[-1]) for run in runs),
        "last_epochs": last_epochs,
        "paper": paper or dict.fromkeys(METRICS),
        "minus_paper": minus_paper,
    }


def _tail(run: Run) -> pd.Series:
    return run.history.tail(LAST_EPOCHS).mean(numeric_only=True)


def _spreads(values: list) -> dict[str, dict[str, dict[str, float | int | None]]]:
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


def losses(of_dataset: dict[str, Any]) -> list[str]:
    """The losses of a data set in a `summary`."""
    return [key for key in of_dataset if not key.startswith("ce_dl_minus_ce")]


def headline(table: dict[str, dict]) -> dict[str, dict]:
    """The content of `metrics.json`, the few numbers that DVC shows in one row, of the `summary` of the network on which the
    verdict rests: for each data set the foreground Dice of each loss, and ``gain``, that of CE + DL minus that of CE. Short
    keys: DVC heads columns with them (`acdc.ce_dl`)."""
    return {
        dataset: {
            **{loss: values[loss]["foreground"]["dice"] for loss in losses(values)},
            "gain": values["ce_dl_minus_ce"]["foreground"]["dice"]["mean"],
        }
        for dataset, values in table.items()
    }


def csv_rows(tables: dict[str, dict[str, dict]], mixtures: Mixtures) -> pd.DataFrame:
    """Table 1 with one row per network, data set, loss, convention and metric: mean, std and n over the seeds, the last epochs,
    paper, difference, direction.

    ``tables``: the content of `summary.json`. ``paper`` stands beside the network and the convention that it is held against
    only; ``direction`` compares CE + DL with CE. A mixture of Gaussians has `mixture` for a network, its naming for a loss,
    and mean alone."""
    rows: list[dict[str, Any]] = []
    for readout, table in tables.items():
        of_losses = [(dataset, loss) for dataset in titles(table) for loss in losses(table[dataset])]
        for (dataset, loss), convention, metric in itertools.product(of_losses, CONVENTIONS, METRICS):
            ours = table[dataset][loss]
            beside = readout == "last" and convention == AVERAGES.get(dataset, "with_background")
            rows.append(
                {
                    "readout": readout,
                    "dataset": dataset,
                    "loss": loss,
                    "convention": convention,
                    "metric": metric,
                    "mean": value(table, dataset, loss, convention, metric),
                    "std": ours["std"][convention][metric],
                    "seeds": ours["seeds"],
                    "collapsed": ours["collapsed"],
                    **{f"last_epochs_{key}": value for key, value in ours["last_epochs"][convention][metric].items()},
                    "paper": ours["paper"][metric] if beside else None,
                    "minus_paper": ours["minus_paper"][metric] if beside else None,
                    "direction": direction(table, dataset, convention, metric) if loss == OTHER else "",
                }
            )
    for naming, fitted in mixtures.items():
        for dataset, convention, metric in itertools.product(titles(fitted), CONVENTIONS, METRICS):
            keys = {"readout": "mixture", "dataset": dataset, "loss": naming, "convention": convention, "metric": metric}
            rows.append(keys | {"mean": _number(fitted[dataset].values[convention][metric]), "direction": ""})
    return pd.DataFrame(rows)


def value(table: dict[str, dict], dataset: str, loss: str, convention: str, metric: str) -> float | None:
    """One mean of a `summary`."""
    values = table[dataset][loss]
    return (values if convention == "with_background" else values[convention])[metric]


def direction(table: dict[str, dict], dataset: str, convention: str, metric: str) -> str:
    """↑ or ↓ where CE + DL lies above or below CE, = where four digits do not differ, ? where there is no number."""
    change = table[dataset]["ce_dl_minus_ce"][convention][metric]["mean"]
    if change is None:
        return "?"
    return "=" if round(change, 4) == 0 else "↑" if change > 0 else "↓"
