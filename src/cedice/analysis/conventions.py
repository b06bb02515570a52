"""The convention audit: Table 1 under every way of averaging that the paper may have meant, all from the same counts.

A convention is
  grouping    counts are summed over a slice, a batch of B validation slices in order, a volume, or the whole set (pooled)
  background  its class enters the mean ("with"), or does not ("without")
  empty       what a class scores that a group has neither in truth nor in prediction: left out, 1, or 0.
Dice and IoU are taken per group and class, then averaged over a group's classes, then over the groups; pixel error per
group, then over the groups.

Networks of another quality than the paper's give other numbers under the right convention, too. What a convention does fix is
how Dice goes with pixel error: in a group and class, 1 − Dice grows in proportion to it, to first order. So each convention is
asked what Dice our networks would have at the paper's pixel error. IoU follows from the Dice of each group and class:
Dice / (2 − Dice). The averages of both are `implied`; how far the paper's are from them is the `misfit`. Of a data set that
the paper does not have, only its own numbers are given.
"""

import itertools
from typing import Any

import numpy as np
import pandas as pd

from cedice.evaluation.counts import Counts, same_slices
from cedice.metrics import dice, iou, pixel_error
from cedice.paper import PAIR, TABLE_1

GROUPINGS = ("slice", "batch", "volume", "pooled")
BACKGROUNDS = ("with", "without")
EMPTIES = {"left out": np.nan, "1": 1.0, "0": 0.0}
COUNTED = ("tp", "fp", "fn")
Sums = tuple[np.ndarray, np.ndarray, np.ndarray]  # TP, FP, FN, each (groups, classes)


def audit(counts: Counts, dataset: str, batch: int) -> pd.DataFrame:
    """One row per convention: dataset, grouping, background, empty; for each loss dice, iou, pixel_error (means over the
    seeds). Where no group lacks a class, `empty` is "any", and one row stands for three.

    Of a data set of the paper also, best fit first: for each loss implied_dice and implied_iou; `distance`, the mean distance
    of the six numbers from the paper's; `misfit`, that of the four implied ones; `excluded`, "one region" where IoU would have
    to be Dice / (2 − Dice), as the paper's is not, else "".

    ``batch``: the slices of a batch. CediceError where two trainings were counted on different slices.
    """
    same_slices(counts, dataset)
    papers, rows = TABLE_1.get(dataset), []
    for grouping in GROUPINGS:
        sums = {loss: [_sums(table, grouping, batch) for (name, _), table in counts.items() if name == loss] for loss in PAIR}
        for background, empty in itertools.product(BACKGROUNDS, EMPTIES):
            convention = background == "with", EMPTIES[empty]
            row: dict[str, Any] = {"dataset": dataset, "grouping": grouping, "background": background, "empty": empty}
            for loss in PAIR:
                row |= _means(f"{loss}_", [_values(each, *convention) for each in sums[loss]])
            rows.append(row | (_against(papers, sums, row, convention) if papers else {}))
    table = pd.DataFrame(rows).round(6)
    numbers = table.columns.drop("empty")
    same = table.groupby(["grouping", "background"], sort=False)["misfit" if papers else "ce_dice"].transform("nunique") == 1
    table.loc[same, "empty"] = "any"
    table = table.drop_duplicates(subset=[*numbers, "empty"])
    return (table.sort_values("misfit", kind="stable") if papers else table).reset_index(drop=True)


def _against(
    papers: dict[str, dict[str, float]], sums: dict[str, list[Sums]], row: dict[str, Any], convention: tuple[bool, float]
) -> dict[str, Any]:
    """The columns of a convention that rest on the paper's numbers."""
    distances, misfits = [], []
    columns: dict[str, Any] = {}
    for loss, paper in papers.items():
        expected = _means("", [_implied(each, *convention, paper["pixel_error"]) for each in sums[loss]])
        columns |= {f"{loss}_implied_{metric}": value for metric, value in expected.items()}
        distances += [abs(row[f"{loss}_{metric}"] - paper[metric]) for metric in paper]
        misfits += [abs(value - paper[metric]) for metric, value in expected.items()]
    single = row["grouping"] == "pooled" and not convention[0] and sums[PAIR[0]][0][0].shape[1] == 2
    return columns | {
        "distance": np.mean(distances),
        "misfit": np.mean(misfits),
        "excluded": "one region" if single else "",
    }


def _means(prefix: str, found: list[dict[str, float]]) -> dict[str, float]:
    """Over the trainings."""
    return {f"{prefix}{metric}": float(np.mean([each[metric] for each in found])) for metric in found[0]}


def values(counts: pd.DataFrame, grouping: str, background: bool, empty: float, batch: int) -> dict[str, float]:
    """dice, iou and pixel_error of a counts table (`cedice.evaluation.evaluate`) under one convention."""
    return _values(_sums(counts, grouping, batch), background, empty)


def _values(sums: Sums, background: bool, empty: float) -> dict[str, float]:
    tp, fp, fn = (each[:, 0 if background else 1 :] for each in sums)
    means = {"dice": _mean(dice(tp, fp, fn, empty)), "iou": _mean(iou(tp, fp, fn, empty))}
    return means | {"pixel_error": float(np.mean(pixel_error(*sums)))}


def implied(counts: pd.DataFrame, grouping: str, background: bool, empty: float, batch: int, error: float) -> dict[str, float]:
    """dice and iou under one convention, if 1 − Dice of every group and class were as many times as large as the pixel error
    ``error`` is beside that of ``counts``. What a group lacks in both maps stays ``empty``."""
    return _implied(_sums(counts, grouping, batch), background, empty, error)


def _implied(sums: Sums, background: bool, empty: float, error: float) -> dict[str, float]:
    tp, fp, fn = (each[:, 0 if background else 1 :] for each in sums)
    ours, score = float(np.mean(pixel_error(*sums))), dice(tp, fp, fn)
    if ours:
        score = np.clip(1 - (1 - score) * error / ours, 0, 1)
    absent = np.isnan(score)
    return {
        "dice": _mean(np.where(absent, empty, score)),
        "iou": _mean(np.where(absent, empty, score / (2 - score))),
    }


def _sums(counts: pd.DataFrame, grouping: str, batch: int) -> Sums:
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
    return sums[0], sums[1], sums[2]


def _mean(scores: np.ndarray) -> float:
    """Over the classes of a group, then over the groups; both leave out NaN."""
    there = np.isfinite(scores)
    number = there.sum(axis=1)
    means = np.where(there, scores, 0).sum(axis=1)[number > 0] / number[number > 0]
    return float(means.mean()) if len(means) else np.nan


def gap(dice_value: float, iou_value: float) -> float:
    """IoU minus what one region of this Dice has, Dice / (2 − Dice): 0 for a single region, positive for a mean of several."""
    return iou_value - dice_value / (2 - dice_value)


def foreground_behind(counts: Counts, dataset: str, loss: str, grouping: str, empty: str, batch: int) -> float:
    """The foreground Dice behind the paper's Dice with background, by how the two go together in our networks."""
    ratios = []
    for (name, _), table in counts.items():
        if name == loss:
            whole, foreground = (
                values(table, grouping, background, EMPTIES[empty], batch)["dice"] for background in (True, False)
            )
            ratios.append((1 - foreground) / (1 - whole))
    return 1 - (1 - TABLE_1[dataset][loss]["dice"]) * float(np.mean(ratios))


def ranked(table: pd.DataFrame) -> pd.DataFrame:
    """Those of an `audit` of a data set of the paper that are not excluded, best fit first; one row for each misfit."""
    return table[table["excluded"] == ""].drop_duplicates(subset="misfit").reset_index(drop=True)


def determined(table: pd.DataFrame, dataset: str) -> bool:
    """Whether an `audit` tells the paper's convention: the next best misfit is more than twice the best, and our pixel error
    within a factor 2 of the paper's, so that `implied` does not extrapolate."""
    best, following = ranked(table).iloc[0], ranked(table).iloc[1]
    ratios = [best[f"{loss}_pixel_error"] / TABLE_1[dataset][loss]["pixel_error"] for loss in PAIR]
    return bool(following["misfit"] > 2 * best["misfit"] and min(ratios) >= 0.5 and max(ratios) <= 2)
