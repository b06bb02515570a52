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

from cedice.errors import CediceError
from cedice.metrics import METRICS, dice, iou, pixel_error
from cedice.paper import TABLE_1
from cedice.params import ARMS

GROUPINGS = ("slice", "batch", "volume", "pooled")
BACKGROUNDS = ("with", "without")
EMPTIES = {"left out": np.nan, "1": 1.0, "0": 0.0}
COUNTED = ("tp", "fp", "fn")

Counts = dict[tuple[str, int], pd.DataFrame]  # of one data set, by (arm, seed)


def audit(counts: Counts, dataset: str, batch: int) -> pd.DataFrame:
    """One row per convention, best fit first (for a data set that the paper lacks in the order above, and without what rests on
    the paper's numbers): dataset, grouping, background, empty; for each arm dice, iou, pixel_error (means
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
        for arm in ARMS:
            each = [
                values(table, grouping, background == "with", EMPTIES[empty], batch)
                for (name, _), table in counts.items()
                if name == arm
            ]
            mean = pd.DataFrame(each).mean()
            row |= {f"{arm}_{metric}": mean[metric] for metric in METRICS}
            if not papers:
                continue
            paper = papers[arm]
            far += [abs(mean[metric] - paper[metric]) for metric in paper]
            for metric in ("dice", "iou"):
                slope = np.mean([(1 - found[metric]) / found["pixel_error"] for found in each if found["pixel_error"]])
                row[f"{arm}_implied_{metric}"] = 1 - slope * paper["pixel_error"]
                misfit.append(abs(row[f"{arm}_implied_{metric}"] - paper[metric]))
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
    """dice, iou and pixel_error of a counts table (`cedice.evaluation`) under one convention."""
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


def foreground_behind(counts: Counts, dataset: str, arm: str, grouping: str, empty: str, batch: int) -> float:
    """The foreground Dice behind the paper's Dice with background, by how the two go together in our networks."""
    ratios = []
    for (name, _), table in counts.items():
        if name == arm:
            both = [values(table, grouping, background, EMPTIES[empty], batch)["dice"] for background in (True, False)]
            ratios.append((1 - both[1]) / (1 - both[0]))
    return 1 - (1 - TABLE_1[dataset][arm]["dice"]) * float(np.mean(ratios))


def same_slices(counts: Counts, dataset: str) -> None:
    """CediceError unless all trainings were counted on the same slices: a mean over others is no comparison."""
    (first, expected), *others = counts.items()
    for other, table in others:
        if not table["slice"].reset_index(drop=True).equals(expected["slice"].reset_index(drop=True)):
            names = [f"{arm} seed {seed}" for arm, seed in (first, other)]
            raise CediceError(
                f"{dataset}: {names[1]} was counted on other slices than {names[0]}; run the evaluate stage again"
            )


_ABOUT_OWN = """Dice, IoU and pixel error of our networks (means over the seeds) under every convention, from the same counts; a
batch has {batch} slices. `empty`: what a class scores that a group has in neither map, "any" where there is no such group.
"""
_ABOUT = """Dice, IoU and pixel error of our networks (means over the seeds) under every convention, from the same counts; a
batch has {batch} slices. `implied`: what they would have at the paper's pixel error, if 1 − Dice and 1 − IoU grow in proportion
to it. `misfit`: the mean distance of these four numbers from the paper's, which the networks' quality hardly touches;
`distance`: that of all six numbers as they are. `empty`: what a class scores that a group has in neither map.
"""


def markdown(tables: dict[str, pd.DataFrame], counts: dict[str, Counts], study: str, synthetic: bool, batch: int) -> str:
    """The audit of every data set for people: what fits best, what that implies, and all conventions."""
    papers = bool(set(tables) & set(TABLE_1))
    asked = "Which average did the paper take?" if papers else "Under every average."
    lines = [f"# {asked} Study `{study}`", ""]
    if synthetic:
        lines += ["> **Synthetic data**: generated phantoms. The fit to the paper says nothing here.", ""]
    lines += [(_ABOUT if papers else _ABOUT_OWN).format(batch=batch)]
    for dataset, table in tables.items():
        findings = [*_findings(table, counts[dataset], dataset, batch), ""] if dataset in TABLE_1 else []
        lines += [f"## {dataset}", "", *findings, *_rows(table), ""]
    return "\n".join(lines)


def best(table: pd.DataFrame) -> pd.Series:
    """The convention of an `audit` that fits best among those not excluded."""
    return table[table["excluded"] == ""].iloc[0]


def _findings(table: pd.DataFrame, counts: Counts, dataset: str, batch: int) -> list[str]:
    found, paper = best(table), TABLE_1[dataset]
    rest = table[(table["excluded"] == "") & (table["misfit"] > found["misfit"])]
    lines = [
        f"- Best fit: {_name(found)}: misfit {found['misfit']:.4f}. Next: {_name(rest.iloc[0])}: {rest['misfit'].iloc[0]:.4f}."
    ]
    above = [f"{found[f'{arm}_pixel_error'] / paper[arm]['pixel_error']:.1f}" for arm in ARMS]
    lines += [
        f"- Our pixel error is {above[0]} (CE) and {above[1]} (CE + DL) times the paper's; far from 1 the fit extrapolates."
    ]
    gaps = [f"{gap(paper[arm]['dice'], paper[arm]['iou']):.4f}" for arm in ARMS]
    lines += [f"- The paper's IoU lies {gaps[0]} and {gaps[1]} above Dice / (2 − Dice), so it is no single region's."]
    if found["background"] == "with":
        empty = "left out" if found["empty"] == "any" else found["empty"]
        behind = [f"{foreground_behind(counts, dataset, arm, found['grouping'], empty, batch):.3f}" for arm in ARMS]
        lines += [f"- The foreground Dice behind the paper's is then about {behind[0]} (CE) and {behind[1]} (CE + DL)."]
    return lines


def _name(row: pd.Series) -> str:
    empty = "" if row["empty"] == "any" else f", an absent class {'scores ' if row['empty'] in '01' else ''}{row['empty']}"
    return f"per {row['grouping']}, {row['background']} background{empty}".replace("per pooled", "pooled over the set")


def _rows(table: pd.DataFrame) -> list[str]:
    heads = ["grouping", "background", "empty"]
    pairs = {
        "Dice": "dice",
        "IoU": "iou",
        "pixel error": "pixel_error",
        "implied Dice": "implied_dice",
        "implied IoU": "implied_iou",
    }
    if "misfit" not in table:
        pairs = dict(list(pairs.items())[: len(METRICS)])
    titles = [*heads, *(f"{name}: CE, CE + DL" for name in pairs)]
    titles += ["misfit", "distance", "excluded"] if "misfit" in table else []
    lines = ["| " + " | ".join(titles) + " |", "| " + " | ".join(["---"] * len(titles)) + " |"]
    for row in table.to_dict("records"):
        cells = [row[head] for head in heads] + [
            ", ".join(f"{row[f'{arm}_{key}']:.4f}" for arm in ARMS) for key in pairs.values()
        ]
        if "misfit" in table:
            cells += [f"{row['misfit']:.4f}", f"{row['distance']:.4f}", row["excluded"]]
        lines.append("| " + " | ".join(cells) + " |")
    return lines
