"""The verdict as a picture: each statement's difference with its interval, beside the paper's own."""

import math
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from cedice.analysis.compared import EQUAL, TOO_FEW, WITHIN
from cedice.analysis.statistics import LEVEL, limits
from cedice.analysis.verdict import STATEMENTS
from cedice.evaluation.runs import decisive
from cedice.paper import READOUT_TITLES, titles
from cedice.reporting.drawing import STYLE, finish
from cedice.reporting.markdown import counted, number

# Told apart by every kind of colour vision, and by their shapes without any.
_MARKS: dict[str, dict[str, Any]] = {
    "confirmed": {"color": "#0072B2", "marker": "o", "markerfacecolor": "#0072B2"},
    "contradicted": {"color": "#D55E00", "marker": "s", "markerfacecolor": "#D55E00"},
    EQUAL: {"color": "#009E73", "marker": "D", "markerfacecolor": "#009E73"},
    "not confirmed": {"color": "#666666", "marker": "o", "markerfacecolor": "white"},
    TOO_FEW: {"color": "#666666", "marker": "s", "markerfacecolor": "white"},
    "not testable": {"color": "#666666", "marker": "x", "markerfacecolor": "none"},
}
_PAPER: dict[str, Any] = {"color": "#000000", "marker": "D", "markersize": 4.5, "linestyle": "none"}
_LAST: dict[str, Any] = {"color": "#999999", "marker": "|", "markersize": 5, "linewidth": 0.9}
_THICK: dict[str, Any] = {"linewidth": 4, "solid_capstyle": "butt"}
_MARGIN: dict[str, Any] = {"facecolor": "#009E73", "alpha": 0.15, "linewidth": 0}
_PANELS = {  # measures on one axis, by the name of its unit
    "Dice, IoU, surface Dice": ["dice", "iou", "border", "small_targets"],
    "pixel error": ["pixel_error"],
}


def forest(table: pd.DataFrame, note: str) -> Figure:
    """``table``: `verdict.judge` of each network, with a column readout; the one on which the verdict rests is drawn, and
    that of the last epoch, if it is another, as a thin line below. ``note``: where it is from. The data sets stand
    side by side, two in a row; each has its own scales, one for pixel error and one for all else. On every axis right
    of 0 is better, so that of pixel error runs backwards.

    The drawn network sets the axis, by its intervals and the margins; an interval that leaves it ends in an arrow. The 90 %
    interval, the thick part, and the margin, a band, decide that no difference matters."""
    named, readout = titles(table["dataset"]), decisive(table["readout"])
    beside = table[table["readout"] == "last"] if readout != "last" else table[:0]
    table = table[table["readout"] == readout]
    columns = min(2, len(named))
    bands = math.ceil(len(named) / columns)
    heights = [len(measures) + 0.8 for measures in _PANELS.values()] * bands
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(5.4 * columns, 3.9 * bands + 0.7), layout="constrained")
        grid = figure.subplots(len(heights), columns, squeeze=False, gridspec_kw={"height_ratios": heights})
        for place in range(bands * columns):
            panels = grid[place // columns * 2 : place // columns * 2 + 2, place % columns]
            if place >= len(named):
                for axes in panels:
                    axes.set_axis_off()
                continue
            dataset, name = list(named.items())[place]
            rows, lasts = (
                {row["measure"]: row for row in part[part["dataset"] == dataset].to_dict("records")} for part in (table, beside)
            )
            for axes, (unit, measures) in zip(panels, _PANELS.items(), strict=True):
                _panel(axes, unit, *([of[each] for each in measures if each in of] for of in (rows, lasts)))
            units = counted(max(row["units"] for row in rows.values()), rows["dice"]["unit"])
            panels[0].set_title(f"{name} ({units})")
    present = {verdict.removesuffix(WITHIN) for verdict in table["verdict"]}
    handles: list[Artist] = [Line2D([], [], label=verdict, **style) for verdict, style in _MARKS.items() if verdict in present]
    if table["low"].notna().any():
        handles.append(Line2D([], [], label="90 % interval", color="#666666", **_THICK))
        handles.append(Patch(label="margin", **_MARGIN))
    if len(beside):
        handles.append(Line2D([], [], label="last epoch", **_LAST))
    if table["paper"].notna().any():
        handles.append(Line2D([], [], label="the paper, one run a row", **_PAPER))
    intervals = "95 % intervals over trainings and patients or slices" if table["low"].notna().any() else "one training a loss"
    return finish(figure, handles, f"What the Dice term changes: {intervals} ({note}; network: {READOUT_TITLES[readout]})")


def _panel(axes: mpl.axes.Axes, unit: str, rows: list[dict[str, Any]], lasts: list[dict[str, Any]]) -> None:
    ends, better = _ends(rows), STATEMENTS[rows[0]["measure"]][1]
    axes.axvline(0, color="#222222", linewidth=1)
    for place, row in enumerate(rows):
        style = _MARKS.get(row["verdict"].removesuffix(WITHIN), {})
        _interval(axes, place, row, ends, better, {"markersize": 6, "linewidth": 1.6} | style)
        if not pd.isna(row["low"]):
            low, high = np.clip(limits(row["mean"], row["error"], row["freedom"], 2 * LEVEL), *ends)
            axes.plot([low, high], [place, place], color=style["color"], **_THICK)
            axes.fill_betweenx([place - 0.45, place + 0.45], -row["margin"], row["margin"], **_MARGIN)
        if not pd.isna(row["paper"]):
            axes.plot(row["paper"], place - 0.28, **_PAPER)
    for place, row in enumerate(lasts):
        _interval(axes, place + 0.28, row, ends, better, _LAST)
    axes.set_yticks(range(len(rows)), [f"{row['statement'].replace(' (', chr(10) + '(')}\n{_numbers(row)}" for row in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(*ends[::better])
    axes.set_xlabel(f"CE + DL minus CE ({unit}); right is better", fontsize=8)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0, pad=8)  # beside an arrow


def _ends(rows: list[dict[str, Any]]) -> tuple[float, float]:
    """Of the axis: 0, the differences, the paper's, and where there are intervals these and the margins; but no end of an
    interval beyond ±1, which no difference of these measures exceeds."""
    table = pd.DataFrame(rows)[["mean", "low", "high", "paper", "margin"]].astype(float)
    table["margin"] = table["margin"].where(table["low"].notna())
    values = np.concatenate([table.where(table.abs() <= 1).to_numpy().ravel(), -table["margin"], [0]])
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    room = 0.08 * (high - low) or 1
    return low - room, high + room


def _interval(
    axes: mpl.axes.Axes, place: float, row: dict[str, Any], ends: tuple[float, float], better: int, style: dict[str, Any]
) -> None:
    """The difference and its 95 % interval; what leaves the axis ends in an arrow at its end."""
    mean = row["mean"]
    if math.isnan(mean):
        return
    low, high = (mean, mean) if math.isnan(row["low"]) else (row["low"], row["high"])
    line = {"color": style["color"], "linewidth": style["linewidth"]}
    if ends[0] <= mean <= ends[1]:
        axes.plot(mean, place, zorder=3, **style)
    axes.plot(np.clip([low, high], *ends), [place, place], **line)
    for leaves, end, arrow in zip((low < ends[0], high > ends[1]), ends, "<>"[::better], strict=True):
        if leaves:
            axes.plot(end, place, marker=arrow, markersize=6, clip_on=False, **line)


def _numbers(row: dict[str, Any]) -> str:
    if math.isnan(row["mean"]):
        return "not measured"
    digits = 4 if row["measure"] == "pixel_error" else 3
    ends = [number(row[end], "+", f".{digits}f") for end in ("low", "high")]
    interval = "" if math.isnan(row["low"]) else f" ({' … '.join(ends)})"
    return f"{row['mean']:+.{digits}f}{interval}".replace("-", "−")
