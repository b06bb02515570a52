"""The charts of a study's page, as the data that `cedice/reporting/assets/page.js` hands to the library which draws them.

A chart is a dictionary: id, title, summary (what it shows, in words), x, lines (their labels), rows (the numbers as text, for
a table), and ``drawn``: x, at (positions), names (of the positions, if they have any), points (dots, no lines), log (the
vertical axis), and lines with label, colour, dash and values.
"""

import itertools

import numpy as np
import pandas as pd

from cedice.analysis.pairs import BASE, OTHER
from cedice.evaluation.counts import regions
from cedice.evaluation.runs import Runs, seeds
from cedice.metrics import CONVENTIONS
from cedice.paper import LOSS_COLOURS, LOSS_TITLES, METRIC_TITLES, PAIR, READOUT_TITLES, titles

_SEED_COLOURS = ("#4477AA", "#EE6677", "#228833", "#CCBB44", "#66CCEE", "#AA3377")


def curves(by_readout: dict[str, Runs]) -> list[dict]:
    """Dice, IoU and pixel error over the epochs, a chart a data set, network and metric, means over the seeds."""
    drawings = []
    for dataset, title in titles(dataset for dataset, _, _ in by_readout["last"]).items():
        for (readout, runs), (metric, metric_title) in itertools.product(by_readout.items(), METRIC_TITLES.items()):
            epochs = runs[dataset, PAIR[0], seeds(runs, dataset)[0]].history["epoch"].to_list()
            lines = _lines(runs, dataset, metric)
            last = ", ".join(f"{line['label']} {_shown(line['values'][-1])}" for line in lines)
            number = len(seeds(runs, dataset))
            words = f"{f'Mean over {number} seeds. ' if number > 1 else ''}At the end: {last}."
            drawn = {"x": "epoch", "at": epochs, "lines": lines, "points": False, "log": metric == "pixel_error"}
            name = f"{dataset}-{metric}" + ("" if readout == "last" else f"-{readout}")
            heading = f"{title}: {metric_title} on the validation set, {READOUT_TITLES[readout]}"
            drawings.append(_chart(name, heading, words, drawn))
    return drawings


def by_patient(runs: Runs) -> list[dict]:
    """What the Dice term changed in each patient's foreground Dice, a chart a data set, a point a seed."""
    drawings = []
    for dataset, title in titles(dataset for dataset, _, _ in runs).items():
        dice = {
            loss: {seed: regions(runs[dataset, loss, seed].counts)["dice"] for seed in seeds(runs, dataset)} for loss in PAIR
        }
        table = pd.DataFrame(dice[OTHER]) - pd.DataFrame(dice[BASE])
        table = table.loc[table.mean(axis=1).sort_values(kind="stable").index]
        names, mean = table.index.to_list(), table.mean(axis=1)
        words = (
            f"Better for {int((mean > 0).sum())} of {len(mean)}; on average {mean.mean():+.4f}, "
            f"from {mean.min():+.4f} ({names[0]}) to {mean.max():+.4f} ({names[-1]})."
        )
        colours = itertools.cycle(_SEED_COLOURS)
        lines = [_line(f"seed {seed}", next(colours), [], table[seed]) for seed in table]
        drawn = {"x": "patient or slice", "at": list(range(len(names))), "names": names, "lines": lines}
        drawn |= {"points": True, "log": False}
        drawings.append(_chart(f"{dataset}-patients", f"{title}: what the Dice term changed", words, drawn))
    return drawings


def _lines(runs: Runs, dataset: str, metric: str) -> list[dict]:
    lines = []
    for loss in PAIR:
        for convention in CONVENTIONS if metric != "pixel_error" else ("foreground",):  # the same in both
            histories = [runs[dataset, loss, seed].history[f"{metric}_{convention}"] for seed in seeds(runs, dataset)]
            label, dash = LOSS_TITLES[loss], []
            if metric != "pixel_error":
                label += ", " + convention.replace("_", " ")
                dash = [6, 4] if convention == "foreground" else []
            lines.append(_line(label, LOSS_COLOURS[loss], dash, np.mean(histories, axis=0)))
    return lines


def _line(label: str, colour: str, dash: list[int], values: np.ndarray | pd.Series) -> dict:
    numbers = [None if not np.isfinite(value) else round(float(value), 6) for value in values]
    return {"label": label, "colour": colour, "dash": dash, "values": numbers}


def _chart(name: str, title: str, summary: str, drawn: dict) -> dict:
    rows = [
        [position, *(_shown(line["values"][row]) for line in drawn["lines"])]
        for row, position in enumerate(drawn.get("names", drawn["at"]))
    ]
    labels = [line["label"] for line in drawn["lines"]]
    return {"id": name, "title": title, "summary": summary, "x": drawn["x"], "lines": labels, "rows": rows, "drawn": drawn}


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
