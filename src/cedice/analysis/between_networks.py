"""The Dice term's effect in several networks: what stands in `reports/networks`, a row a network and data set, and one test."""

import numpy as np
import pandas as pd

from cedice.analysis.heterogeneity import Heterogeneity, heterogeneity
from cedice.analysis.pairs import minus
from cedice.evaluation.counts import pooled_headline, regions, same_slices
from cedice.evaluation.runs import Runs
from cedice.paper import PAIR

_OF_VERDICT = ("dataset", "mean", "low", "high", "p", "verdict", "units", "seeds")


def rows(study: str, network: str, runs: Runs, verdict: pd.DataFrame) -> list[dict]:
    """A row a data set of a ``study`` of this ``network``: from its ``verdict``'s rows of Dice, and from the trainings each
    loss's foreground Dice (mean and standard deviation, NaN for one training), minutes and largest peak memory in GB."""
    found = []
    for row in verdict.to_dict("records"):
        of = {key: each for key, each in runs.items() if key[0] == row["dataset"]}
        scores = {
            loss: [pooled_headline(each.counts)["foreground"]["dice"] for key, each in of.items() if key[1] == loss]
            for loss in PAIR
        }
        means = {loss: np.mean(values) for loss, values in scores.items()}
        stds = {f"{loss}_std": np.std(values, ddof=1) if len(values) > 1 else np.nan for loss, values in scores.items()}
        cost = {
            "minutes": np.mean([each.record["wall_seconds"] for each in of.values()]) / 60,
            "peak_gb": max(max(each.record["peak_memory_mb"].values()) for each in of.values()) / 1000,
        }
        found.append({"study": study, "network": network} | {key: row[key] for key in _OF_VERDICT} | means | stds | cost)
    return found


def tested(runs: dict[str, Runs], dataset: str) -> Heterogeneity | None:
    """Whether the networks differ, of the trainings of those studies that have the data set, over the patients that have a Dice
    in all. None for fewer than two networks, trainings or patients; CediceError where they are not of the same slices."""
    counts = {study: {key[1:]: each.counts for key, each in of.items() if key[0] == dataset} for study, of in runs.items()}
    counts = {study: of for study, of in counts.items() if of}
    same_slices(
        {(f"{study} {loss}", seed): table for study, of in counts.items() for (loss, seed), table in of.items()}, dataset
    )
    dice = {study: {key: regions(table)["dice"] for key, table in of.items()} for study, of in counts.items()}
    seeds = list(dict.fromkeys(seed for of in dice.values() for _, seed in of))
    differences = np.array([minus(of, seeds) for of in dice.values()])
    differences = differences[:, :, np.isfinite(differences).all(axis=(0, 1))]
    return heterogeneity(differences) if min(differences.shape) > 1 else None
