"""Figures 4 and 5 of the paper, from our own runs, and three of our own. The same inputs give the same bytes.

4 and 5: the metrics over the epochs, α = 0 against α = 1, on COVID-19 and on ACDC. 6: errors by distance to the true border.
7: Dice of targets by size. Another shows the effect of α. In a study of other data sets there are as many of 4 and 5 as it
has data sets, and the numbers after them follow (`cedice.paper.figure_numbers`).
"""

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from cedice.analysis.response import Points
from cedice.metrics import LAST_EPOCHS
from cedice.paper import LOSS_COLOURS, METRIC_TITLES, PAIR, READOUT_TITLES, alpha_title, titles
from cedice.reporting.drawing import STYLE, curve, finish, log_scale, loss_lines

Histories = dict[str, dict[str, list[pd.DataFrame]]]  # by network and loss, one a seed


def curves(histories: Histories, alphas: dict[str, str], title: str, paper: dict[str, dict[str, float]] | None) -> Figure:
    """Figures 4 and 5: Dice, IoU and pixel error of both losses over the epochs, in both headline conventions; a row of axes
    a network.

    A line is the mean over the seeds; a band reaches from the lowest to the highest. ``paper`` adds that row of its Table 1 as
    dotted lines, beside the network of the last epoch: for real data only.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(10, 0.6 + 3 * len(histories)), layout="constrained")
        rows = figure.subplots(len(histories), 3, squeeze=False)
        for row, (readout, by_loss) in zip(rows, histories.items(), strict=True):
            for axes, (metric, name) in zip(row, METRIC_TITLES.items(), strict=True):
                _curves(axes, by_loss, metric, paper if readout == "last" else None)
                axes.set(xlabel="epoch", title=f"{name}, {READOUT_TITLES[readout]}")
        handles = [
            *loss_lines(alphas),
            Line2D([], [], color="#444444", label="including background"),
            Line2D([], [], color="#444444", linestyle="--", label="foreground only"),
        ]
        if paper:
            handles.append(Line2D([], [], color="#444444", linestyle=":", label="the paper's Table 1"))
    return finish(figure, handles, title)


def _curves(
    axes: mpl.axes.Axes, histories: dict[str, list[pd.DataFrame]], metric: str, paper: dict[str, dict[str, float]] | None
) -> None:
    for loss in PAIR:
        colour, epochs = LOSS_COLOURS[loss], histories[loss][0]["epoch"]
        for convention, style in (
            ("with_background", {"linewidth": 1.4}),
            ("foreground", {"linewidth": 1.1, "linestyle": "--"}),
        ):
            if metric == "pixel_error" and convention == "foreground":
                continue  # the same number in both conventions
            seeds = [history[f"{metric}_{convention}"] for history in histories[loss]]
            curve(axes, epochs, seeds, color=colour, **style)
        if paper:
            axes.axhline(paper[loss][metric], color=colour, linewidth=0.9, linestyle=":")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if metric == "pixel_error":
        log_scale(axes)  # the first epochs are a hundred times worse than the last
    else:
        axes.set_ylim(0, 1)


def errors(profiles: dict[str, dict[str, list[pd.DataFrame]]], alphas: dict[str, str], title: str) -> Figure:
    """Figure 6: the share of wrong pixels by distance to the border of the true foreground, negative inside.

    ``profiles``: by data set and loss, one table of `boundaries.error_profile` a seed. Lines and bands as in `curves`.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(10, 3.8), layout="constrained")
        named = titles(profiles)
        for axes, dataset in zip(figure.subplots(1, len(named), squeeze=False)[0], named, strict=True):
            for loss in PAIR:
                tables = profiles[dataset][loss]
                shares = [table["errors"] / table["pixels"].clip(lower=1) for table in tables]
                curve(axes, tables[0]["distance"], shares, color=LOSS_COLOURS[loss], linewidth=1.4)
            axes.axvline(0, color="#888888", linewidth=0.8)
            axes.set(xlabel="distance to the true border, pixels (inside negative)", title=named[dataset])
            axes.set_ylabel("share of wrong pixels")
            axes.set_ylim(bottom=0)
    return finish(figure, loss_lines(alphas), title)


def sizes(targets: pd.DataFrame, alphas: dict[str, str], title: str) -> Figure:
    """Figure 7: Dice of targets by their size, mean and standard deviation over the seeds, from `breakdown.by_size`."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(10, 3.8), layout="constrained")
        named = titles(targets["dataset"])
        for axes, dataset in zip(figure.subplots(1, len(named), squeeze=False)[0], named, strict=True):
            rows = targets[(targets["dataset"] == dataset) & (targets["measure"] == "dice")]
            places = np.arange(len(rows))
            for side, loss in zip((-0.2, 0.2), PAIR, strict=True):
                axes.bar(places + side, rows[f"{loss}_mean"], 0.38, color=LOSS_COLOURS[loss])
                axes.errorbar(places + side, rows[f"{loss}_mean"], rows[f"{loss}_std"], fmt="none", color="#222222", capsize=2)
            bins = rows["pixels"].str.replace(" and more", "+")
            axes.set_xticks(places, [f"{size}\n{n} targets" for size, n in zip(bins, rows["n"], strict=True)])
            axes.set(xlabel="pixels of the target", ylabel="Dice", title=named[dataset], ylim=(0, 1))
        handles = [Patch(color=LOSS_COLOURS[loss], label=f"α = {alphas[loss]}") for loss in PAIR]
    return finish(figure, handles, title)


def response(points: dict[str, Points], title: str) -> Figure:
    """Foreground Dice against α: after the last epoch; the mean of the last ten with its standard deviation from epoch to
    epoch; and of the averaged network. A mark a training, lines through the means. ``points``: by network."""
    kinds = {
        "last epoch": ("last", 1, "#222222", "o"),
        f"mean of the last {LAST_EPOCHS} epochs": ("last", LAST_EPOCHS, "#009988", "s"),
        "averaged": ("averaged", 1, "#CC3311", "^"),
    }
    kinds = {kind: drawn for kind, drawn in kinds.items() if drawn[0] in points}
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(10, 3.8), layout="constrained")
        named = titles(points["last"])
        for axes, dataset in zip(figure.subplots(1, len(named), squeeze=False)[0], named, strict=True):
            alphas = list(points["last"][dataset])
            step = 0.04 * max(len(alphas) - 1, 1)  # beside each other, and all near their α
            for number, (kind, (readout, epochs, colour, marker)) in enumerate(kinds.items()):
                side = step * (number - (len(kinds) - 1) / 2)
                by_alpha = points[readout][dataset]
                places = np.array([alphas.index(alpha) for alpha in by_alpha]) + side
                tails = [[run.history["dice_foreground"].tail(epochs) for run in runs.values()] for runs in by_alpha.values()]
                scores = [[tail.mean() for tail in by_seed] for by_seed in tails]
                axes.plot(places, [np.mean(of_alpha) for of_alpha in scores], color=colour, linewidth=1.2, label=kind)
                for place, of_alpha, by_seed in zip(places, scores, tails, strict=True):
                    spread = None if epochs == 1 else [tail.std(ddof=1) for tail in by_seed]
                    x = place + step / 4 * (np.arange(len(of_alpha)) - (len(of_alpha) - 1) / 2)
                    axes.errorbar(x, of_alpha, spread, fmt=marker, color=colour, markersize=4, linewidth=0.8, mfc="none")
            axes.set_xticks(range(len(alphas)), [alpha_title(alpha) for alpha in alphas])
            axes.set(xlabel="α", ylabel="foreground Dice", title=named[dataset])
    return finish(figure, axes.get_legend_handles_labels()[0], title)
