"""What figures share: style, titles that take any name, the legend, curves with a band. The same inputs give the same bytes."""

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from cedice.paper import LOSS_COLOURS
from cedice.params import LOSSES

STYLE = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.alpha": 0.3}


def plain(text: str) -> str:
    """``text`` as it is: without this, what stands between two dollar signs is drawn as a formula, or fails as one."""
    return text.replace("$", r"\$")


def finish(figure: Figure, handles: Sequence[Artist], title: str) -> Figure:
    """Legend below, title above."""
    with mpl.rc_context(STYLE):
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False)
        figure.suptitle(plain(title), fontsize=10)
    return figure


def loss_lines(alphas: dict[str, str]) -> list[Line2D]:
    """Of a legend: a line a loss, by its α."""
    return [Line2D([], [], color=LOSS_COLOURS[loss], label=f"α = {alphas[loss]}") for loss in LOSSES]


def curve(axes: mpl.axes.Axes, x: pd.Series, seeds: list[pd.Series], **style: Any) -> None:
    """The mean over the seeds; a band from the lowest to the highest, where there are several."""
    values = np.stack(seeds)
    axes.plot(x, values.mean(axis=0), **style)
    if len(seeds) > 1:
        axes.fill_between(x, values.min(axis=0), values.max(axis=0), color=style["color"], alpha=0.15, linewidth=0)
