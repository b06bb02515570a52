"""Figures 1 to 5 of the paper, from our own runs, and three of our own. The same inputs give the same bytes.

1: the network, drawn from the very object that is trained. 2 and 3: predictions for five validation slices, α = 0 and
α = 1. 4 and 5: the metrics over the epochs, α = 0 against α = 1, on COVID-19 and on ACDC. 6: errors by distance to the
true border. 7: Dice of targets by size. Another shows the response to α. In a study of other data sets there are as many of
4 and 5 as it has data sets, and the numbers after them follow (`cedice.paper.figure_numbers`).
"""

from itertools import pairwise
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import torch
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, Patch, Rectangle
from matplotlib.ticker import MaxNLocator

from cedice.data.slices import SIZE, Slices
from cedice.evaluation.runs import LAST_EPOCHS, Run
from cedice.paper import LOSS_COLOURS, METRIC_TITLES, alpha_title, titles
from cedice.params import LOSSES
from cedice.unet import UNet

SAMPLES = 5
_OUTCOMES = {"correct": "#228833", "missed": "#EE7733", "too much": "#AA3377"}
_CLASSES = ("#66CCEE", "#CCBB44", "#EE6677")  # of the truth; after the last it starts anew
_STYLE = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.alpha": 0.3}


def network(settings: dict[str, Any]) -> Figure:
    """Figure 1: every level's channels and size, measured by sending one slice through `UNet(**settings)`."""
    model = UNet(**settings).eval()
    shapes: dict[torch.nn.Module, tuple[int, ...]] = {}
    for block in [*model.encoder, *model.decoder, model.head]:
        block.register_forward_hook(lambda module, _, output: shapes.__setitem__(module, tuple(output.shape)))
    with torch.inference_mode():
        result = model(torch.zeros(1, settings["in_channels"], SIZE, SIZE))
    parameters = sum(parameter.numel() for parameter in model.parameters())
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(10, 5.6), layout="constrained")
        axes = figure.add_subplot()
        axes.set_axis_off()
        depth = model.depth
        down = [(level, -level, shapes[block]) for level, block in enumerate(model.encoder)]
        up = [(depth + step + 1, -(depth - step - 1), shapes[block]) for step, block in enumerate(model.decoder)]
        nodes = [(-1, 0, (1, settings["in_channels"], SIZE, SIZE)), *down, *up, (2 * depth + 1, 0, tuple(result.shape))]
        for x, y, shape in nodes:
            _box(axes, x, y, shape, outer=x in (-1, 2 * depth + 1))
        for (x0, y0, _), (x1, y1, _) in pairwise(nodes):
            colour = "#444444" if y0 == y1 else "#CC3311" if y1 < y0 else "#228833"
            _arrow(axes, (x0, y0), (x1, y1), colour)
        for level in range(depth):
            _arrow(axes, (level, -level), (2 * depth - level, -level), "#888888", "--")
        convolution = "3×3 convolution" + (", batch norm" if settings["norm"] == "batch" else "") + ", ReLU, twice"
        border = "padded" if settings["padding"] == "same" else "unpadded, border mirrored before and cropped after"
        legend = [
            Patch(facecolor="#BBD0E8", edgecolor="#4477AA", label=f"{convolution} ({border})"),
            Line2D([], [], color="#CC3311", label="2×2 max pooling, stride 2"),
            Line2D([], [], color="#228833", label="2×2 transposed convolution, stride 2"),
            Line2D([], [], color="#888888", linestyle="--", label="skip connection: concatenate"),
            Line2D([], [], color="#444444", label="first block; last 1×1 convolution to the logits"),
        ]
        axes.legend(handles=legend, loc="lower center", frameon=False, fontsize=8, bbox_to_anchor=(0.5, -0.04))
        axes.set_xlim(-1.7, 2 * depth + 1.7)
        axes.set_ylim(-depth - 1.6, 0.8)
        axes.set_title(f"Figure 1. The U-Net as trained: {parameters:,} parameters; channels in, pixels above each block")
    return figure


def _box(axes: mpl.axes.Axes, x: float, y: float, shape: tuple[int, ...], outer: bool) -> None:
    face, edge = ("#FFFFFF", "#444444") if outer else ("#BBD0E8", "#4477AA")
    axes.add_patch(Rectangle((x - 0.32, y - 0.2), 0.64, 0.4, facecolor=face, edgecolor=edge, zorder=2))
    axes.text(x, y + 0.02, str(shape[1]), ha="center", va="center", fontsize=9, zorder=3)
    axes.text(x, y + 0.31, f"{shape[2]}×{shape[3]}", ha="center", va="center", fontsize=7, zorder=3)


def _arrow(axes: mpl.axes.Axes, start: tuple[float, float], end: tuple[float, float], colour: str, line: str = "-") -> None:
    arrow = FancyArrowPatch(
        start, end, arrowstyle="-|>", mutation_scale=9, shrinkA=20, shrinkB=20, color=colour, linestyle=line, zorder=1
    )
    axes.add_patch(arrow)


def choose_samples(val: Slices) -> list[int]:
    """Positions of the validation slices to show: at five evenly spaced ranks of foreground size among those that have
    any, so that nobody picks the pretty ones and both losses show the same."""
    sizes = (val.masks > 0).sum(axis=(1, 2))
    ranked = [position for position in np.argsort(sizes, kind="stable") if sizes[position]]
    if not ranked:
        ranked = list(range(len(sizes)))
    ranks = np.linspace(0, len(ranked) - 1, SAMPLES + 2)[1:-1]
    return [int(ranked[round(rank)]) for rank in ranks]


def predictions(validation: dict[str, Slices], labels: dict[str, np.ndarray], title: str) -> Figure:
    """Figures 2 and 3: per data set the slice, the truth, and the prediction coloured by outcome.

    ``labels``: the predicted maps (N, 256, 256) of the slices in ``validation``, by data set.
    """
    named = titles(validation)
    rows = [(dataset, kind) for dataset in named for kind in ("slice", "truth", "prediction")]
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(7.4, 0.6 + 1.5 * len(rows)), layout="constrained")
        grid = figure.subplots(len(rows), SAMPLES)
        for row, (dataset, kind) in zip(grid, rows, strict=True):
            val = validation[dataset]
            for axes, position in zip(row, choose_samples(val), strict=True):
                image, truth, found = val.images[position], val.masks[position], labels[dataset][position]
                axes.set(xticks=[], yticks=[])
                axes.grid(False)
                axes.spines[:].set_visible(False)
                axes.imshow(_paint(image, truth, found, kind), interpolation="antialiased")
                if kind == "slice":
                    axes.set_title(val.index["slice"][position], fontsize=6.5)
            row[0].set_ylabel(f"{named[dataset]}\n{kind}", fontsize=8)
        handles = [Patch(color=colour, label=name) for name, colour in _OUTCOMES.items()]
        figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False, title="prediction against truth")
        figure.suptitle(title, fontsize=10)
    return figure


def _paint(image: np.ndarray, truth: np.ndarray, found: np.ndarray, kind: str) -> np.ndarray:
    """(H, W, 3) float: the slice, with the truth's classes or the prediction's outcomes over it."""
    picture = np.repeat(image[..., None] / 255.0, 3, axis=2)
    if kind == "truth":
        labels = range(1, int(truth.max()) + 1)
        layers = {label: (_CLASSES[(label - 1) % len(_CLASSES)], truth == label) for label in labels}
    elif kind == "prediction":
        masks = (found == truth) & (truth > 0), (found != truth) & (truth > 0), (found != truth) & (truth == 0)
        layers = dict(enumerate(zip(_OUTCOMES.values(), masks, strict=True)))
    else:
        layers = {}
    for colour, chosen in layers.values():
        picture[chosen] = 0.45 * picture[chosen] + 0.55 * np.array(to_rgb(colour))
    return picture


def curves(
    histories: dict[str, list[pd.DataFrame]], alphas: dict[str, str], title: str, paper: dict[str, dict[str, float]] | None
) -> Figure:
    """Figures 4 and 5: Dice, IoU and pixel error of both losses over the epochs, in both headline conventions.

    ``histories``: by loss, one a seed. A line is the mean over the seeds; a band reaches from the lowest to the highest.
    ``paper`` adds that row of its Table 1 as dotted lines: for real data only.
    """
    with mpl.rc_context(_STYLE):
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
                    _curve(axes, epochs, seeds, color=colour, **style)
                if paper:
                    axes.axhline(paper[loss][metric], color=colour, linewidth=0.9, linestyle=":")
            axes.set(xlabel="epoch", title=name)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            if metric == "pixel_error":
                axes.set_yscale("log")  # the first epochs are a hundred times worse than the last
            else:
                axes.set_ylim(0, 1)
        handles = [Line2D([], [], color=LOSS_COLOURS[loss], label=f"α = {alphas[loss]}") for loss in LOSSES]
        handles += [
            Line2D([], [], color="#444444", label="including background"),
            Line2D([], [], color="#444444", linestyle="--", label="foreground only"),
        ]
        if paper:
            handles.append(Line2D([], [], color="#444444", linestyle=":", label="the paper's Table 1"))
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False)
        figure.suptitle(title, fontsize=10)
    return figure


def _curve(axes: mpl.axes.Axes, x: pd.Series, seeds: list[pd.Series], **style: Any) -> None:
    values = np.stack(seeds)
    axes.plot(x, values.mean(axis=0), **style)
    if len(seeds) > 1:
        axes.fill_between(x, values.min(axis=0), values.max(axis=0), color=style["color"], alpha=0.15, linewidth=0)


def errors(profiles: dict[str, dict[str, list[pd.DataFrame]]], alphas: dict[str, str], title: str) -> Figure:
    """Figure 6: the share of wrong pixels by distance to the border of the true foreground, negative inside.

    ``profiles``: by data set and loss, one table of `boundaries.error_profile` a seed. Lines and bands as in `curves`.
    """
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(10, 3.8), layout="constrained")
        named = titles(profiles)
        for axes, dataset in zip(figure.subplots(1, len(named), squeeze=False)[0], named, strict=True):
            for loss in LOSSES:
                tables = profiles[dataset][loss]
                shares = [table["errors"] / table["pixels"].clip(lower=1) for table in tables]
                _curve(axes, tables[0]["distance"], shares, color=LOSS_COLOURS[loss], linewidth=1.4)
            axes.axvline(0, color="#888888", linewidth=0.8)
            axes.set(xlabel="distance to the true border, pixels (inside negative)", title=named[dataset])
            axes.set_ylabel("share of wrong pixels")
            axes.set_ylim(bottom=0)
        handles = [Line2D([], [], color=LOSS_COLOURS[loss], label=f"α = {alphas[loss]}") for loss in LOSSES]
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False)
        figure.suptitle(title, fontsize=10)
    return figure


def sizes(targets: pd.DataFrame, alphas: dict[str, str], title: str) -> Figure:
    """Figure 7: Dice of targets by their size, mean and standard deviation over the seeds, from `breakdown.by_size`."""
    with mpl.rc_context(_STYLE):
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
            axes.set(xlabel="pixels of the target", ylabel="Dice", title=named[dataset], ylim=(0, 1))
        handles = [Patch(color=LOSS_COLOURS[loss], label=f"α = {alphas[loss]}") for loss in LOSSES]
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False)
        figure.suptitle(title, fontsize=10)
    return figure


def response(points: dict[str, dict[float, dict[int, Run]]], title: str) -> Figure:
    """Foreground Dice against α (`response.by_alpha`): after the last epoch, and the mean of the last ten with its
    standard deviation from epoch to epoch; a mark a training, lines through the means."""
    kinds = {"after the last epoch": ("#222222", -0.12, "o"), f"mean of the last {LAST_EPOCHS} epochs": ("#009988", 0.12, "s")}
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(10, 3.8), layout="constrained")
        named = titles(points)
        for axes, dataset in zip(figure.subplots(1, len(named), squeeze=False)[0], named, strict=True):
            places = np.arange(len(points[dataset]))
            tails = [
                [run.history["dice_foreground"].tail(LAST_EPOCHS) for run in runs.values()] for runs in points[dataset].values()
            ]
            for (kind, (colour, side, marker)), last in zip(kinds.items(), (True, False), strict=True):
                each = [[tail.iloc[-1] if last else tail.mean() for tail in by_seed] for by_seed in tails]
                axes.plot(places + side, [np.mean(found) for found in each], color=colour, linewidth=1.2, label=kind)
                for place, found, by_seed in zip(places, each, tails, strict=True):
                    spread = None if last else [tail.std(ddof=1) for tail in by_seed]
                    x = place + side + 0.06 * (np.arange(len(found)) - (len(found) - 1) / 2)
                    axes.errorbar(x, found, spread, fmt=marker, color=colour, markersize=4, linewidth=0.8, mfc="none")
            axes.set_xticks(places, [alpha_title(alpha) for alpha in points[dataset]])
            axes.set(xlabel="α", ylabel="foreground Dice", title=named[dataset])
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
        figure.suptitle(title, fontsize=10)
    return figure
