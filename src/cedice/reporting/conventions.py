"""The audit of averaging conventions for people."""

import pandas as pd

from cedice.analysis.conventions import best, foreground_behind, gap
from cedice.evaluation.counts import Counts
from cedice.paper import TABLE_1
from cedice.params import LOSSES
from cedice.reporting.markdown import table, title

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
    asked = "Which average the paper took" if papers else "Under every average"
    lines = title(asked, study, synthetic)
    lines += [(_ABOUT if papers else _ABOUT_OWN).format(batch=batch)]
    for dataset, audit in tables.items():
        findings = [*_findings(audit, counts[dataset], dataset, batch), ""] if dataset in TABLE_1 else []
        lines += [f"## {dataset}", "", *findings, *_rows(audit), ""]
    return "\n".join(lines)


def _findings(audit: pd.DataFrame, counts: Counts, dataset: str, batch: int) -> list[str]:
    found, paper = best(audit), TABLE_1[dataset]
    rest = audit[(audit["excluded"] == "") & (audit["misfit"] > found["misfit"])]
    lines = [
        f"- Best fit: {_name(found)}: misfit {found['misfit']:.4f}. Next: {_name(rest.iloc[0])}: {rest['misfit'].iloc[0]:.4f}."
    ]
    above = [f"{found[f'{loss}_pixel_error'] / paper[loss]['pixel_error']:.1f}" for loss in LOSSES]
    lines += [
        f"- Our pixel error is {above[0]} (CE) and {above[1]} (CE + DL) times the paper's; far from 1 the fit extrapolates."
    ]
    gaps = [f"{gap(paper[loss]['dice'], paper[loss]['iou']):.4f}" for loss in LOSSES]
    lines += [f"- The paper's IoU lies {gaps[0]} and {gaps[1]} above Dice / (2 − Dice), so it is no single region's."]
    if found["background"] == "with":
        empty = "left out" if found["empty"] == "any" else found["empty"]
        behind = [f"{foreground_behind(counts, dataset, loss, found['grouping'], empty, batch):.3f}" for loss in LOSSES]
        lines += [f"- The foreground Dice behind the paper's is then about {behind[0]} (CE) and {behind[1]} (CE + DL)."]
    return lines


def _name(row: pd.Series) -> str:
    empty = "" if row["empty"] == "any" else f", an absent class {'scores ' if row['empty'] in '01' else ''}{row['empty']}"
    return f"per {row['grouping']}, {row['background']} background{empty}".replace("per pooled", "pooled over the set")


def _rows(audit: pd.DataFrame) -> list[str]:
    held = "misfit" in audit  # against the paper
    heads = ["grouping", "background", "empty"]
    pairs = {"Dice": "dice", "IoU": "iou", "pixel error": "pixel_error"}
    pairs |= {"implied Dice": "implied_dice", "implied IoU": "implied_iou"} if held else {}
    rows = []
    for row in audit.to_dict("records"):
        cells = [row[head] for head in heads]
        cells += [", ".join(f"{row[f'{loss}_{key}']:.4f}" for loss in LOSSES) for key in pairs.values()]
        rows.append(cells + ([f"{row['misfit']:.4f}", f"{row['distance']:.4f}", row["excluded"]] if held else []))
    titles = [*heads, *(f"{name}: CE, CE + DL" for name in pairs), *(["misfit", "distance", "excluded"] if held else [])]
    return table(titles, rows)
