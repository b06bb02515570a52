"""Foreground Dice against each cost: a table, and a plot in which the line joins the networks that none beats at their cost."""

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

from cedice.analysis.pareto import COSTS
from cedice.paper import NETWORK_TITLES, READOUT_TITLES, titles
from cedice.reporting.drawing import STYLE, finish
from cedice.reporting.markdown import number, spread, table, wrapped

REAL_TIME = 1000 / 30  # milliseconds
_MARKERS = {"unet": "o", "attention_unet": "s", "swin_unetr": "^"}
_ABOUT = """Foreground Dice of CE + DL, counts pooled over the validation set, mean ± standard deviation over the trainings.
Costs are of one slice of 256×256 with three classes, times on one thread of the processor on which `benchmarks/cost.py` ran.
Int8 is ONNX Runtime's static quantisation; its Dice is not measured, that shown is of the network in full precision. Real-time:
30 slices a second or more in any of the three. Bold: no other network has a higher Dice at that cost or less.
"""


def markdown(points: pd.DataFrame, readout: str) -> str:
    """``points``: `analysis.pareto.points`."""
    named, body = titles(points["dataset"]), []
    for row in points.to_dict("records"):
        costs = [
            _bold(f"{row[cost]:,.0f}" if cost == "parameters" else number(row[cost], digits=".2f"), row[f"{cost}_best"])
            for cost in COSTS
        ]
        cells = [named[row["dataset"]], name(row), str(row["trainings"]), spread(row["dice"], row["std"]), *costs]
        body.append([*cells, "yes" if row["real_time"] else "no"])
    heads = ["data", "network", "trainings", "Dice", *COSTS.values(), "real-time"]
    lines = ["# What accuracy costs", "", "![Foreground Dice against each cost](cost.png)", "", *table(heads, body), ""]
    return "\n".join([*lines, wrapped(f"{_ABOUT}Network of each training: {READOUT_TITLES[readout]}."), ""])


def name(row: dict) -> str:
    """ "U-Net 8, depth 4"; "Swin UNETR 12"."""
    size = f" {row['feature_size']:g}" if row["feature_size"] else f" {row['base_channels']:g}, depth {row['depth']:g}"
    return NETWORK_TITLES[row["network"]] + size


def _bold(text: str, best: bool) -> str:
    return f"**{text}**" if best else text


def plot(points: pd.DataFrame) -> Figure:
    """A row a data set, a column a cost."""
    named = titles(points["dataset"])
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(3 * len(COSTS), 2.9 * len(named) + 0.6), layout="constrained")
        for line, (dataset, title) in zip(figure.subplots(len(named), len(COSTS), squeeze=False), named.items(), strict=True):
            for axes, (cost, told) in zip(line, COSTS.items(), strict=True):
                of = points[(points["dataset"] == dataset) & points[cost].notna()].sort_values(cost)
                best = of[of[f"{cost}_best"]]
                axes.step(best[cost], best["dice"], where="post", color="#999999", linewidth=1)
                for kind, marker in _MARKERS.items():
                    its = of[of["network"] == kind]
                    axes.plot(its[cost], its["dice"], marker, color="#0072B2", markersize=5)
                if cost.endswith("_ms"):
                    axes.axvline(REAL_TIME, color="#D55E00", linewidth=0.9, linestyle="--")
                axes.set(xscale="log", xlabel=told, ylabel="foreground Dice", title=title)
                axes.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
                axes.xaxis.set_major_formatter(EngFormatter(sep="") if cost == "parameters" else "{x:g}")
                axes.xaxis.set_minor_formatter(NullFormatter())
        handles = [
            Line2D([], [], color="#0072B2", marker=marker, linestyle="none", label=NETWORK_TITLES[kind])
            for kind, marker in _MARKERS.items()
        ]
        handles.append(Line2D([], [], color="#D55E00", linestyle="--", label="30 slices a second"))
    return finish(figure, handles, "What accuracy costs: the line joins the networks that none beats at their cost")
