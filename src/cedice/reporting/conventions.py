"""Every averaging convention for people."""

import pandas as pd

from cedice.analysis.conventions import determined, foreground_behind, gap, ranked
from cedice.evaluation.counts import Counts
from cedice.paper import PAIR, TABLE_1, titles
from cedice.reporting.markdown import number, table, title

_ABOUT = """Dice, IoU and pixel error of our networks after the last epoch (means over the seeds) under every average,
from the same counts; a batch has {batch} slices. `empty`: what a class scores that a group has in neither map, "any"
where there is no such group. """
_ABOUT_FIT = """`implied`: what they would have at the paper's pixel error, if 1 − Dice of every group and class grew in
proportion to it; the IoU of a group and class is then Dice / (2 − Dice). `misfit`: the mean distance of these four numbers
from the paper's, which the networks' quality hardly touches. An average of one region is excluded by the paper's IoU. """


def markdown(tables: dict[str, pd.DataFrame], counts: dict[str, Counts], study: str, synthetic: bool, batch: int) -> str:
    """What fits best and what that implies, for every data set of the paper; then all conventions of every data set."""
    named, papers = titles(tables), [dataset for dataset in titles(tables) if dataset in TABLE_1]
    lines = title("Which average the paper took" if papers else "Under every average", study, synthetic)
    lines += [_ABOUT.format(batch=batch), *([_ABOUT_FIT] if papers else [])]
    for dataset in papers:
        lines += [*_findings(tables[dataset], counts[dataset], dataset, named[dataset], batch), ""]
    for dataset, name in named.items():
        lines += [f"## {name}: all averages", "", *_rows(tables[dataset]), ""]
    return "\n".join(lines)


def _findings(audit: pd.DataFrame, counts: Counts, dataset: str, name: str, batch: int) -> list[str]:
    best, following = ranked(audit).iloc[0], ranked(audit).iloc[1]
    paper, sure = TABLE_1[dataset], determined(audit, dataset)
    fits = f"{_name(best)} (misfit {best['misfit']:.4f}); next {_name(following)} ({following['misfit']:.4f})"
    lines = [f"**{name}**: {'' if sure else 'undetermined. Best fit: '}{fits}.", ""]
    above = [f"{best[f'{loss}_pixel_error'] / paper[loss]['pixel_error']:.1f}" for loss in PAIR]
    lines += [
        f"- Our pixel error is {above[0]} (CE) and {above[1]} (CE + DL) times the paper's; far from 1 `implied` extrapolates."
    ]
    gaps = [f"{gap(paper[loss]['dice'], paper[loss]['iou']):.4f}" for loss in PAIR]
    lines += [f"- The paper's IoU lies {gaps[0]} and {gaps[1]} above Dice / (2 − Dice), so it is no single region's."]
    if sure and best["background"] == "with":
        empty = "left out" if best["empty"] == "any" else best["empty"]
        behind = [f"{foreground_behind(counts, dataset, loss, best['grouping'], empty, batch):.3f}" for loss in PAIR]
        lines += [f"- The foreground Dice behind the paper's is then about {behind[0]} (CE) and {behind[1]} (CE + DL)."]
    return lines


def _name(row: pd.Series) -> str:
    empty = "" if row["empty"] == "any" else f", an absent class {'scores ' if row['empty'] in '01' else ''}{row['empty']}"
    return f"per {row['grouping']}, {row['background']} background{empty}".replace("per pooled", "pooled over the set")


def _rows(audit: pd.DataFrame) -> list[str]:
    fitted = "misfit" in audit  # against the paper
    keys = ["grouping", "background", "empty"]
    pairs = {"Dice": "dice", "IoU": "iou", "pixel error": "pixel_error"}
    pairs |= {"implied Dice": "implied_dice", "implied IoU": "implied_iou"} if fitted else {}
    rows = []
    for row in audit.to_dict("records"):
        cells = [row[key] for key in keys]
        cells += [", ".join(number(row[f"{loss}_{name}"]) for loss in PAIR) for name in pairs.values()]
        rows.append([*cells, number(row["misfit"]) + (", excluded" if row["excluded"] else "")] if fitted else cells)
    return table([*keys, *(f"{name}: CE, CE + DL" for name in pairs), *(["misfit"] if fitted else [])], rows)
