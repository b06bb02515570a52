"""All studies at once: their verdicts on Dice, and what a threshold and the Dice term gain, against what is uncertain."""

from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from cedice.analysis.across import rank, uniform
from cedice.analysis.decision import QUESTIONS
from cedice.paper import LOSS_COLOURS, LOSS_TITLES, titles
from cedice.reporting.drawing import STYLE, finish
from cedice.reporting.markdown import interval, number, wrapped
from cedice.reporting.markdown import table as lines_of

STUDY_TITLES = {
    "small": "the paper's (`small`)",
    "paper": "the paper's, at its own width (`paper`)",
    "recipe": "each loss at a rate of its own (`recipe`)",
    "outlook": "rate falling to zero (`outlook`)",
    "attention": "attention U-Net (`attention`)",
    "transformer": "Transformer (`transformer`)",
}
_ABOUT_VERDICTS = """Foreground Dice of the networks that the verdicts rest on. CE and CE + DL are means over the patients
(slices on COVID-19) and the seeds, and the gain is the difference of these two; a verdict is corrected within its study, p by
Holm over this table. The last column pools the counts of all slices first, so that large structures weigh more; its gain is
another one."""
_MARKERS = ("o", "s", "^", "D", "v", "P")
_THRESHOLD = "#222222"
_ABOUT = """Foreground Dice per patient (per slice, where patients are unknown), of the network that a study's verdict rests on.
D* is the best Dice of CE over all thresholds, its own threshold t* the mean over the trainings; theory says t* = D*/2 for a
calibrated network (Lipton et al., 2014). A threshold's gain is CE at its own threshold, chosen on the other patients, minus CE
at 0.5; the Dice term's is CE + DL minus CE, both at 0.5, and beside it with each at its own. The dotted line on the right is a
threshold's gain for a calibrated network whose doubtful pixels have every probability alike."""


_HEADS = [
    "data",
    "study",
    "1 − D*",
    "D*/2",
    "CE at 0.5",
    "at its own (t*)",
    "CE + DL at 0.5",
    "at its own (t*)",
    "a threshold gains",
]
_HEADS += [f"difference, {question}" for question in QUESTIONS.values()]


def markdown(answers: pd.DataFrame, rows: pd.DataFrame) -> str:
    """``answers``, ``rows``: `answers` and `table` of `cedice.analysis.across`."""
    named = titles(rows["dataset"])
    by_doubt = [f"{rank(rows, 'uncertain', gain):.2f}" for gain in ("threshold_gain", "half")]
    both = f"{rank(rows, 'threshold_gain', 'half'):.2f}"
    told = f"""Over these {len(rows)} rows, of {len(named)} data sets, the rank correlation with 1 − D* is {by_doubt[0]} of a
threshold's gain and {by_doubt[1]} of the Dice term's; that of the two is {both}. Rows of one data set share its patients, and
both gains subtract CE at 0.5, so no test stands beside. {_apart(rows, named)}"""
    picture = ["", "![Gains against what is uncertain](across.png)", ""]
    body = [_cells(row, named) for row in rows.to_dict("records")]
    text = [wrapped(told), *picture, *lines_of(_HEADS, body), "", wrapped(_ABOUT)]
    verdicts = ["## The verdicts on Dice", "", *_verdicts(answers), "", wrapped(_ABOUT_VERDICTS), ""]
    return "\n".join(
        ["# All studies", "", *verdicts, "## Where a threshold gains, and where the Dice term does", "", *text, ""]
    )


def _verdicts(answers: pd.DataFrame) -> list[str]:
    """A row a study and data set, by data set."""
    named, body = titles(answers["dataset"]), []
    for dataset in named:
        for row in answers[answers["dataset"] == dataset].to_dict("records"):
            cells = [named[dataset], STUDY_TITLES[row["study"]], f"{row['units']} {row['unit']}s, {row['seeds']} seeds"]
            cells += [number(row["ce"]), number(row["ce_dl"]), number(row["mean"], "+"), interval(row["low"], row["high"])]
            cells += [row["verdict"], number(row["p_all"], digits=".2g")]
            body.append([*cells, f"{number(row['pooled_ce'])} → {number(row['pooled_ce_dl'])}"])
    heads = ["data", "study", "mean over", "CE", "CE + DL", "gain", "95 % interval", "verdict", "p over all rows"]
    return lines_of([*heads, "pooled over the set"], body)


def _cells(row: dict[str, Any], named: dict[str, str]) -> list[str]:
    levels = []
    for loss in LOSS_TITLES:
        levels += [number(row[f"{loss}_half"]), f"{number(row[f'{loss}_own'])} ({row[f'{loss}_threshold']:.2f})"]
    differences = [f"{number(row[key], '+')} ({interval(row[f'{key}_low'], row[f'{key}_high'])})" for key in QUESTIONS]
    name = named[row["dataset"]] + ("" if row["exact"] else " (one class against the rest)")
    told = [name, row["study"], number(row["uncertain"]), f"{row['theory']:.2f}"]
    return [*told, *levels, number(row["threshold_gain"], "+"), *differences]


def _apart(rows: pd.DataFrame, named: dict[str, str]) -> str:
    """By data set, how far the own thresholds of CE lie from theory."""
    parts = []
    for dataset, of in rows.groupby("dataset", sort=False):
        apart = of["ce_threshold"] - of["theory"]
        lowest, highest = (f"{value:+.2f}" for value in (apart.min(), apart.max()))
        parts.append(f"{lowest} to {highest} on {named[dataset]}" if len(of) > 1 else f"{lowest} on {named[dataset]}")
    return f"The own threshold of CE minus D*/2 is {', '.join(parts)}."


def figure(rows: pd.DataFrame) -> Figure:
    """Left the own thresholds of CE, right both gains, a marker a data set."""
    named = titles(rows["dataset"])
    markers = dict(zip(named, _MARKERS, strict=False))
    with mpl.rc_context(STYLE):
        drawn = Figure(figsize=(9, 3.8), layout="constrained")
        left, right = drawn.subplots(1, 2)
        along = np.linspace(0, rows["uncertain"].max() * 1.1, 200)
        left.plot(along, (1 - along) / 2, color=_THRESHOLD, linewidth=1, linestyle=":")
        right.plot(along, uniform(1 - along), color=_THRESHOLD, linewidth=1, linestyle=":")
        right.axhline(0, color="#999999", linewidth=0.8)
        for row in rows.itertuples():
            marker = markers[row.dataset]
            left.plot(row.uncertain, row.ce_threshold, marker, color=_THRESHOLD)
            right.plot(row.uncertain, row.threshold_gain, marker, color=_THRESHOLD)
            right.plot(row.uncertain, row.half, marker, color=LOSS_COLOURS["ce_dl"])
        left.set(xlabel="1 − best Dice of CE", ylabel="own threshold of CE", ylim=(0, 0.6))
        right.set(xlabel="1 − best Dice of CE", ylabel="gain in foreground Dice")
        handles = [
            Line2D([], [], marker=markers[name], label=title, linestyle="none", color="#777777")
            for name, title in named.items()
        ]
        handles += [
            Line2D([], [], color=_THRESHOLD, linewidth=4, label="a threshold for CE"),
            Line2D([], [], color=LOSS_COLOURS["ce_dl"], linewidth=4, label="the Dice term, at 0.5"),
            Line2D([], [], color=_THRESHOLD, linestyle=":", label="theory"),
        ]
    return finish(drawn, handles, "A threshold of its own, and the Dice term, against what is uncertain, in all studies")
