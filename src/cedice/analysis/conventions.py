"""The convention audit: Table 1 under every way of averaging that the paper may have meant, all from the same counts.

A convention is
  grouping    counts are summed over a slice, a batch of B validation slices in order, a volume, or the whole set (pooled)
  background  its class enters the mean ("with"), or does not ("without")
  empty       what a class scores that a group has neither in truth nor in prediction: left out, 1, or 0.
Dice and IoU are taken per group and class, then averaged over a group's classes, then over the groups; pixel error per
group, then over the groups.

Networks of another quality than the paper's give other numbers under the right convention too. What a convention does fix
is how Dice and IoU go with pixel error: 1 − Dice and 1 − IoU grow in proportion to it, to first order. So each convention
is asked what Dice and IoU our networks would have at the paper's pixel error (`implied`), and how far the paper's are from
that (`misfit`). Of a data set that the paper does not have, only its own numbers are given.
"""

import itertools
from typing import Any

import numpy as np
import pandas as pd

from cedice.evaluation.counts import Counts, same_slices
from cedice.metrics import METRICS, dice, iou, pixel_error
from cedice.paper import TABLE_1
from cedice.params import LOSSES

GROUPINGS = ("slice", "batch", "volume", "pooled")
BACKGROUNDS = ("with", "without")
EMPTIES = {"left out": np.nan, "1": 1.0, "0": 0.0}
COUNTED = ("tp", "fp", "fn")


def audit(counts: Counts, dataset: str, batch: int) -> pd.DataFrame:
    """One row per convention, best fit first (for a data set that the paper lacks in the order above, and without what rests on
    the paper's numbers): dataset, grouping, background, empty; for each loss dice, iou, pixel_error (means
    over the seeds) and implied_dice, implied_iou; `distance`, the mean distance of the six numbers from the paper's; and
    `misfit`, that of the four implied ones; `excluded`, "one region" where IoU would have to be Dice / (2 − Dice), as the
    paper's is not, else "". Where no group lacks a class, `empty` is "any", and one row stands for three.

    ``batch``: the slices of a batch. CediceError where two trainings were counted on different slices.
    """
    same_slices(counts, dataset)
    classes = next(iter(counts.values()))["class"].max() + 1
    papers, rows = TABLE_1.get(dataset), []
    for grouping, background, empty in itertools.product(GROUPINGS, BACKGROUNDS, EMPTIES):
        row: dict[str, Any] = {"dataset": dataset, "grouping": grouping, "background": background, "empty": empty}
        far, misfit = [], []
        for loss in LOSSES:
            each = [
                values(table, grouping, background == "with", EMPTIES[empty], batch)
                for (name, _), table in counts.items()
                if name == loss
            ]
            mean = pd.DataFrame(each).mean()
            row |= {f"{loss}_{metric}": mean[metric] for metric in METRICS}
            if not papers:
                continue
            paper = papers[loss]
            far += [abs(mean[metric] - paper[metric]) for metric in paper]
            for metric in ("dice", "iou"):
                slope = np.mean([(1 - found[metric]) / found["pixel_error"] for found in each if found["pixel_error"]])
                row[f"{loss}_implied_{metric}"] = 1 - slope * paper["pixel_error"]
                misfit.append(abs(row[f"{loss}_implied_{metric}"] - paper[metric]))
        if papers:
            single = grouping == "pooled" and background == "without" and classes == 2
            row |= {"distance": np.mean(far), "misfit": np.mean(misfit), "excluded": "one region" if single else ""}
        rows.append(row)
    found = pd.DataFrame(rows).round(6)
    numbers = found.columns.drop("empty")
    same = found.groupby(["grouping", "background"], sort=False)["misfit" if papers else "ce_dice"].transform("nunique") == 1
    found.loc[same, "empty"] = "any"
    found = found.drop_duplicates(subset=[*numbers, "empty"])
    return (found.sort_values("misfit", kind="stable") if papers else found).reset_index(drop=True)


def values(counts: pd.DataFrame, grouping: str, background: bool, empty: float, batch: int) -> dict[str, float]:
    """dice, iou and pixel_error of a counts table (`cedice.evaluation.evaluate`) under one convention."""
    classes = counts["class"].max() + 1
    places = counts.iloc[::classes]
    groups = {
        "slice": np.arange(len(places)),
        "batch": np.arange(len(places)) // batch,
        "volume": places["volume"].factorize()[0],
        "pooled": np.zeros(len(places), int),
    }[grouping]
    sums = []
    for name in COUNTED:
        total = np.zeros((groups.max() + 1, classes), np.int64)
        np.add.at(total, groups, counts[name].to_numpy().reshape(-1, classes))
        sums.append(total)
    tp, fp, fn = (total[:, 0 if background else 1 :] for total in sums)
    scores = {"dice": dice(tp, fp, fn, empty), "iou": iou(tp, fp, fn, empty)}
    means = {name: pd.DataFrame(score).mean(axis=1).mean() for name, score in scores.items()}  # both leave out NaN
    return means | {"pixel_error": float(np.mean(pixel_error(sums[0], sums[1], sums[2])))}


def gap(dice_value: float, iou_value: float) -> float:
    """IoU less what one region of this Dice has, Dice / (2 − Dice): 0 for a single region, positive for a mean of several."""
    return iou_value - dice_value / (2 - dice_value)


def foreground_behind(counts: Counts, dataset: str, loss: str, grouping: str, empty: str, batch: int) -> float:
    """The foreground Dice behind the paper's Dice with background, by how the two go together in our networks."""
    ratios = []
    for (name, _), table in counts.items():
        if name == loss:
            both = [values(table, grouping, background, EMPTIES[empty], batch)["dice"] for background in (True, False)]
            ratios.append((1 - both[1]) / (1 - both[0]))
    return 1 - (1 - TABLE_1[dataset][loss]["dice"]) * float(np.mean(ratios))


def best(table: pd.DataFrame) -> pd.Series:
    """The convention of an `audit` that fits best among those not excluded."""
    return table[table["excluded"] == ""].iloc[0]
