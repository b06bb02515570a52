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

from cedice.evaluation.runs import Run
from cedice.metrics import LAST_EPOCHS
from cedice.paper import LOSS_COLOURS, METRIC_TITLES, alpha_title, titles
from cedice.params import LOSSES
from cedice.reporting.drawing import STYLE, curve, finish, loss_lines, plain


def curves(
    histories: dict[str, list[pd.DataFrame]], alphas: dict[str, str], title: str, paper: dict[str, dict[str, float]] | None
) -> Figure:
    """Figures 4 and 5: Dice, IoU and pixel error of both losses over the epochs, in both headline conventions.

    ``histories``: by loss, one a seed. A line is the mean over the seeds; a band reaches from the lowest to the highest.
    ``paper`` adds that row of its Table 1 as dotted lines: for real data only.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(10, 3.6), layout="constrained")
        for axes, (metric, name) in zip(figure.subplots(1, 3), METRIC_TITLES.items(), strict=True):
            for loss in LOSSES:
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
            axes.set(xlabel="epoch", title=name)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            if metric == "pixel_error":
                axes.set_yscale("log")  # the first epochs are a hundred times worse than the last
            else:
                axes.set_ylim(0, 1)
        handles = [
            *loss_lines(alphas),
            Line2D([], [], color="#444444", label="including background"),
            Line2D([], [], color="#444444", linestyle="--", label="foreground only"),
        ]
        if paper:
            handles.append(Line2D([], [], color="#444444", linestyle=":", label="the paper's Table 1"))
    return finish(figure, handles, title)


def errors(profiles: dict[str, dict[str, list[pd.DataFrame]]], alphas: dict[str, str], title: str) -> Figure:
    """Figure 6: the share of wrong pixels by distance to the border of the true foreground, negative inside.

    ``profiles``: by data set and loss, one table of `boundaries.error_profile` a seed. Lines and bands as in `curves`.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(10, 3.8), layout="constrained")
        named = titles(profiles)
        for axes, dataset in zip(figure.subplots(1, len(named), squeeze=False)[0], named, strict=True):
            for loss in LOSSES:
                tables = profiles[dataset][loss]
                shares = [table["errors"] / table["pixels"].clip(lower=1) for table in tables]
                curve(axes, tables[0]["distance"], shares, color=LOSS_COLOURS[loss], linewidth=1.4)
            axes.axvline(0, color="#888888", linewidth=0.8)
            axes.set(xlabel="distance to the true border, pixels (inside negative)", title=plain(named[dataset]))
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
            for side, loss in ((-0.2, "ce"), (0.2, "ce_dl")):
                axes.bar(places + side, rows[f"{loss}_mean"], 0.38, color=LOSS_COLOURS[loss])
                axes.errorbar(places + side, rows[f"{loss}_mean"], rows[f"{loss}_std"], fmt="none", color="#222222", capsize=2)
            bins = rows["pixels"].str.replace(" and more", "+")
            axes.set_xticks(places, [f"{size}\n{n} targets" for size, n in zip(bins, rows["n"], strict=True)])
            axes.set(xlabel="pixels of the target", ylabel="Dice", title=plain(named[dataset]), ylim=(0, 1))
        handles = [Patch(color=LOSS_COLOURS[loss], label=f"α = {alphas[loss]}") for loss in LOSSES]
    return finish(figure, handles, title)


def response(points: dict[str, dict[float, dict[int, Run]]], title: str) -> Figure:
    """Foreground Dice against α (`response.by_alpha`): after the last epoch, and the mean of the last ten with its
    standard deviation from epoch to epoch; a mark a training, lines through the means."""
    kinds = {"after the last epoch": ("#222222", -0.12, "o"), f"mean of the last {LAST_EPOCHS} epochs": ("#009988", 0.12, "s")}
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(10, 3.8), layout="constrained")
        named = titles(points)
        for axes, dataset in zip(figure.subplots(1, len(named), squeeze=False)[0], named, strict=True):
            places = np.arange(len(points[dataset]))
            tails = [
                [run.history["dice_foreground"].tail(LAST_EPOCHS) for run in runs.values()] for runs in points[dataset].values()
            ]
            for (kind, (colour, side, marker)), last in zip(kinds.items(), (True, False), strict=True):
                scores = [[tail.iloc[-1] if last else tail.mean() for tail in by_seed] for by_seed in tails]
                axes.plot(places + side, [np.mean(of_alpha) for of_alpha in scores], color=colour, linewidth=1.2, label=kind)
                for place, of_alpha, by_seed in zip(places, scores, tails, strict=True):
                    spread = None if last else [tail.std(ddof=1) for tail in by_seed]
                    x = place + side + 0.06 * (np.arange(len(of_alpha)) - (len(of_alpha) - 1) / 2)
                    axes.errorbar(x, of_alpha, spread, fmt=marker, color=colour, markersize=4, linewidth=0.8, mfc="none")
            axes.set_xticks(places, [alpha_title(alpha) for alpha in points[dataset]])
            axes.set(xlabel="α", ylabel="foreground Dice", title=plain(named[dataset]))
    return finish(figure, axes.get_legend_handles_labels()[0], title)
