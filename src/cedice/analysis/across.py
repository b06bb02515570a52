"""All studies at once: their verdicts on Dice; and what a threshold and the Dice term gain where how much is uncertain.

A calibrated network's Dice is highest at the threshold t* = D*/2, half its best Dice D* (Lipton et al., ECML 2014). So a
threshold of one's own should gain the more, the further D* is from 1. How much depends on how the probabilities are spread.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from cedice.analysis.decision import QUESTIONS
from cedice.analysis.pairs import BASE, OTHER
from cedice.analysis.statistics import holm, p_values


def table(decisions: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """One row per study and data set, the least uncertain first: study, dataset, exact; `uncertain`, 1 − D* of CE; `theory`,
    D*/2; for each loss its threshold t*, and its Dice at 0.5 (`_half`) and at its own (`_own`); for each of
    `cedice.analysis.decision.QUESTIONS` the difference, with `_low` and `_high`; and `threshold_gain`, CE at its own
    minus CE at 0.5.

    ``decisions``: by study, `cedice.analysis.decision.judge` of the network on which its verdict rests. What that gives no
    answer to has no row.
    """
    rows = []
    for study, judged in decisions.items():
        for dataset, of in judged.dropna(subset="mean").groupby("dataset", sort=False):
            by = of.set_index("measure")
            row = {"study": study, "dataset": dataset, "exact": by["exact"].iloc[0], "theory": by["theory"].iloc[0]}
            row["uncertain"] = 1 - 2 * row["theory"]
            for loss in (BASE, OTHER):
                row[f"{loss}_threshold"] = by[f"{loss}_threshold"].iloc[0]
                row |= {f"{loss}_{question}": by.loc[question, loss] for question in ("half", "own")}
            for question in QUESTIONS:
                row[question] = by.loc[question, "mean"]
                row |= {f"{question}_{end}": by.loc[question, end] for end in ("low", "high")}
            rows.append(row | {"threshold_gain": row[f"{BASE}_own"] - row[f"{BASE}_half"]})
    return pd.DataFrame(rows).sort_values("uncertain", kind="stable", ignore_index=True)


def answers(verdicts: Mapping[str, pd.DataFrame], tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The verdict on Dice of each study and data set, of the network on which it rests: study, dataset, unit, units, seeds;
    `ce` and `ce_dl`, the levels whose difference is `mean`; low, high, verdict; `p_all`, its p corrected by Holm over all rows;
    `pooled_ce` and `pooled_ce_dl`, of counts pooled over the set.

    ``verdicts``, ``tables``: by study, `cedice.analysis.verdict.judge` and `cedice.analysis.table1.table` of that network.
    """
    rows = []
    for study, judged in verdicts.items():
        pooled = tables[study].query("convention == 'foreground' and metric == 'dice'").set_index(["dataset", "loss"])["mean"]
        for row in judged[judged["measure"] == "dice"].to_dict("records"):
            names = ("dataset", "unit", "units", "seeds", BASE, OTHER, "mean", "low", "high", "verdict")
            alone = p_values(row["mean"], row["error"], row["freedom"], row["margin"])[0]
            whole = {f"pooled_{loss}": pooled[row["dataset"], loss] for loss in (BASE, OTHER)}
            rows.append({"study": study} | {name: row[name] for name in names} | {"p_all": alone} | whole)
    table = pd.DataFrame(rows)
    return table.assign(p_all=holm(table["p_all"].to_list()))


def rank(rows: pd.DataFrame, one: str, other: str) -> float:
    """Spearman's correlation of two columns of `table`; without a test, since studies share data."""
    return float(spearmanr(rows[one], rows[other]).statistic)


def uniform(best: np.ndarray) -> np.ndarray:
    """D* − Dice at 0.5 of a calibrated network that is sure of some foreground, and whose probabilities of all other pixels in
    question are spread evenly from 0 to 1; NaN below D* = 3 − √5, where nothing is sure.

    With u such pixels a sure one, Dice at t is (2 + u (1 − t²)) / (2 + u (3/2 − t)), which D* = 2 t* solves for u.
    """
    t = np.asarray(best, float) / 2
    scale = 3 * t - t**2 - 1
    unsure = 2 * (1 - 2 * t) / np.where(scale > 0, scale, np.nan)
    return 2 * t - (2 + 0.75 * unsure) / (2 + unsure)
