"""Loss or decision rule, for people: a section of the verdict, and the figure of Dice against the threshold."""

import math
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from cedice.analysis.decision import QUESTIONS
from cedice.paper import LOSS_COLOURS, LOSS_TITLES, PAIR, READOUT_TITLES, titles
from cedice.reporting.drawing import STYLE, finish
from cedice.reporting.markdown import interval, number, table, wrapped

_ABOUT = """Foreground Dice per patient (per slice, where patients are unknown). A calibrated network's Dice is highest at a
threshold of about half its best Dice (Lipton et al., 2014), and a network trained on Dice has that shift built in: the
difference at 0.5 holds the loss and the decision rule together. A loss's own threshold is chosen, for each training and
patient, on all other patients of the validation set, from 0.05, 0.1 … 0.95; t* is its mean over the trainings, theory half
the best Dice of CE. The levels are those that subtract to the difference; p is corrected by Holm over this table."""
_ABOUT_REST = """ Of {names} the record has no thresholds of label maps: each class is held against all the rest, by the bins of
calibration, on the network's own grid."""
_HEADS = [
    "data",
    "thresholds",
    *(LOSS_TITLES[loss] for loss in PAIR),
    "difference",
    "95 % interval",
    "p (Holm)",
    "verdict",
    "t* of both",
    "theory",
]


def section(judged: pd.DataFrame) -> list[str]:
    """The lines of the section; ``judged``: `decision.judge` of the network on which the verdict rests."""
    named = titles(judged["dataset"])
    lines = ["", "## Loss or decision rule?", ""]
    for dataset, name in named.items():
        rows = {row["measure"]: row for row in judged[judged["dataset"] == dataset].to_dict("records")}
        lines += [wrapped(f"**{name}**: {told(rows)}"), ""]
    lines += table(_HEADS, [_row(row, named) for row in judged.to_dict("records")])
    rest = [named[dataset] for dataset in dict.fromkeys(judged["dataset"][~judged["exact"]])]
    about = _ABOUT + (_ABOUT_REST.format(names=" and ".join(rest)) if rest else "")
    return [*lines, "", "![Dice against the threshold](../figures/thresholds.png)", "", wrapped(about)]


def told(rows: dict[str, dict[str, Any]]) -> str:
    """Whether a threshold does what the Dice term does, in a sentence or two, from the rows of one data set."""
    half, own, mixed = (rows[question] for question in QUESTIONS)
    if math.isnan(half["mean"]):
        apart = f"{half['apart']:.3f} apart"
        return f"no answer: one class against the rest gives another Dice at 0.5 than the label maps ({apart})."
    gain, left, between = (f"{row['mean']:+.4f}" for row in (half, own, mixed))
    if math.isnan(half["p"]):
        return f"{gain} at 0.5, {left} with each loss at its own threshold; one training a loss tells no more."
    if not half["verdict"].startswith("confirmed"):
        return f"no gain of the Dice term was detected at 0.5 ({gain}), so there is none for a threshold to explain."
    kept = f"of the gain of {gain} at 0.5, {left} is left with each loss at its own threshold"
    if mixed["verdict"].startswith("confirmed"):
        return f"{kept}. A threshold for CE does not do what the Dice term does ({between} between them)."
    return (
        f"{kept}. CE at its own threshold and CE + DL at 0.5 are not told apart ({between}): try a threshold before the loss."
    )


def _row(row: dict[str, Any], named: dict[str, str]) -> list[str]:
    levels = [number(row[loss]) for loss in PAIR]
    tested = [number(row["mean"], "+"), interval(row["low"], row["high"]), number(row["p"], digits=".3g"), row["verdict"]]
    thresholds = ", ".join(f"{row[f'{loss}_threshold']:.2f}" for loss in PAIR)
    return [named[row["dataset"]], QUESTIONS[row["measure"]], *levels, *tested, thresholds, f"{row['theory']:.2f}"]


def figure(curves: pd.DataFrame, judged: pd.DataFrame, note: str, readout: str) -> Figure:
    """Dice against the threshold, a panel a data set; ``curves``, ``judged``: `decision.curves` and `decision.judge` of one
    network."""
    named = titles(curves["dataset"])
    with mpl.rc_context(STYLE):
        drawn = Figure(figsize=(3.6 * max(len(named), 2), 3.4), layout="constrained")
        for axes, (dataset, name) in zip(drawn.subplots(1, len(named), squeeze=False)[0], named.items(), strict=True):
            row = judged[judged["dataset"] == dataset].iloc[0]
            of = curves[curves["dataset"] == dataset]
            axes.axvline(0.5, color="#222222", linewidth=1)
            for loss in PAIR:
                line, colour = of[of["loss"] == loss], LOSS_COLOURS[loss]
                axes.plot(line["threshold"], line["mean"], color=colour, linewidth=1.6)
                ends = [line["mean"] + sign * line["std"].fillna(0) for sign in (-1, 1)]
                axes.fill_between(line["threshold"], *ends, color=colour, alpha=0.15, linewidth=0)
                own = row[f"{loss}_threshold"]
                height = np.interp(own, line["threshold"], line["mean"])
                axes.plot(own, height, color=colour, marker="v", markersize=7, linestyle="none")
            top = of["mean"].max()
            axes.set(xlabel="threshold", ylabel="foreground Dice", title=name)
            axes.set(xlim=(0, 1), ylim=(max(top - 0.2, 0), top + 0.02))
        handles = [Line2D([], [], color=LOSS_COLOURS[loss], label=LOSS_TITLES[loss]) for loss in PAIR]
        handles.append(Line2D([], [], color="#444444", marker="v", linestyle="none", label="its own threshold, t*"))
        handles.append(Line2D([], [], color="#222222", label="0.5"))
    title = f"Loss or decision rule? Dice against the threshold ({note}; network: {READOUT_TITLES[readout]})"
    return finish(drawn, handles, title)
