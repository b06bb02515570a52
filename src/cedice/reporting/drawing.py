"""What figures share: style, titles that take any name, the legend, curves with a band. The same inputs give the same bytes."""

import math
import textwrap
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter

from cedice.paper import LOSS_COLOURS, LOSS_LINES, LOSS_TITLES, PAIR

STYLE = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "text.parse_math": False,  # a name may have a $
}
_LETTERS, _MARK = 13, 6  # about so many letters an inch; a mark of the legend and its gaps are as wide as so many


def finish(figure: Figure, handles: Sequence[Artist], title: str) -> Figure:
    """Legend below, title above; both in as many lines as the figure's width asks for."""
    width = int(figure.get_figwidth() * _LETTERS)
    with mpl.rc_context(STYLE):
        if handles:
            lines = math.ceil(sum(len(str(handle.get_label())) + _MARK for handle in handles) / width)
            ncols = math.ceil(len(handles) / lines)
            figure.legend(handles=handles, loc="outside lower center", ncols=ncols, frameon=False)
        figure.suptitle(textwrap.fill(title, width), fontsize=10)
    return figure


def log_scale(axes: mpl.axes.Axes) -> None:
    """The vertical axis by its logarithm, with numbers as the tables have them."""
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())


def loss_lines(alphas: dict[str, str]) -> list[Line2D]:
    """Of a legend: a line a loss, by its α."""
    return [Line2D([], [], color=LOSS_COLOURS[loss], label=f"α = {alphas[loss]}") for loss in PAIR]


def titled_lines() -> list[Line2D]:
    """Of a legend: a line a loss, by its title."""
    return [Line2D([], [], color=LOSS_COLOURS[loss], linestyle=LOSS_LINES[loss], label=LOSS_TITLES[loss]) for loss in PAIR]


def curve(axes: mpl.axes.Axes, x: pd.Series, seeds: list[pd.Series], **style: Any) -> None:
    """The mean over the seeds; a band from the lowest to the highest, where there are several."""
    values = np.stack(seeds)
    axes.plot(x, values.mean(axis=0), **style)
    if len(seeds) > 1:
        axes.fill_between(x, values.min(axis=0), values.max(axis=0), color=style["color"], alpha=0.15, linewidth=0)
