"""How often one training a loss, as the paper has, shows a difference as large as the paper's by chance alone."""

import numpy as np
import pandas as pd

from cedice.analysis.statistics import by_chance
from cedice.evaluation.runs import Runs, seeds
from cedice.metrics import LAST_EPOCHS, METRICS
from cedice.paper import PAIR, difference, titles

REPORTED = {  # of a training: which network, over how many of its last epochs
    "last epoch": ("last", 1),
    f"mean of the last {LAST_EPOCHS} epochs": ("last", LAST_EPOCHS),
    "averaged": ("averaged", 1),
}


def table(runs: dict[str, Runs]) -> pd.DataFrame:
    """One row per data set of the paper, metric (with background, as its Table 1) and number that is reported of a training:
    dataset, metric, paper (its difference), reported, chance, low, high (`by_chance`, in either direction), seeds.

    ``runs``: by network."""
    rows = []
    for dataset in titles(dataset for dataset, _, _ in runs["last"]):
        for metric in METRICS:
            paper = difference(dataset, metric)
            if paper is None:
                continue
            for reported, (readout, epochs) in REPORTED.items():
                if readout not in runs:
                    continue
                ends = [_ends(runs[readout], dataset, loss, f"{metric}_with_background", epochs) for loss in PAIR]
                chance, low, high = by_chance(ends[0], ends[1], abs(paper))
                keys = {"dataset": dataset, "metric": metric, "paper": paper, "reported": reported}
                rows.append(keys | {"chance": chance, "low": low, "high": high, "seeds": len(ends[0])})
    return pd.DataFrame(rows)


def _ends(runs: Runs, dataset: str, loss: str, column: str, epochs: int) -> np.ndarray:
    return np.array([runs[dataset, loss, seed].history[column].tail(epochs).mean() for seed in seeds(runs, dataset)])
