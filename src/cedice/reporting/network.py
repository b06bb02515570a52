"""Figure 1: the network, drawn from the very object that is trained."""

import math
from itertools import pairwise
from typing import Any

import matplotlib as mpl
import torch
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, Patch, Rectangle

from cedice.networks import build, described
from cedice.reporting.drawing import STYLE
from cedice.unet import UNet


def network(settings: dict[str, Any], size: int) -> Figure:
    """Figure 1: channels and size after every block, measured by sending one slice of ``size`` pixels a side through
    `cedice.networks.build(settings)`."""
    model = build(settings).eval()
    return _unet(model, settings, size) if isinstance(model, UNet) else _other(model, settings, size)


def _unet(model: UNet, settings: dict[str, Any], size: int) -> Figure:
    shapes: dict[torch.nn.Module, tuple[int, ...]] = {}
    for block in [*model.encoder, *model.decoder, model.head]:
        block.register_forward_hook(lambda module, _, output: shapes.__setitem__(module, tuple(output.shape)))
    with torch.inference_mode():
        result = model(torch.zeros(1, settings["in_channels"], size, size))
    parameters = sum(parameter.numel() for parameter in model.parameters())
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(10, 5.6), layout="constrained")
        axes = figure.add_subplot()
        axes.set_axis_off()
        depth = model.depth
        down = [(level, -level, shapes[block]) for level, block in enumerate(model.encoder)]
        up = [(depth + step + 1, -(depth - step - 1), shapes[block]) for step, block in enumerate(model.decoder)]
        nodes = [(-1, 0, (1, settings["in_channels"], size, size)), *down, *up, (2 * depth + 1, 0, tuple(result.shape))]
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


def _other(model: torch.nn.Module, settings: dict[str, Any], size: int) -> Figure:
    """Of any network: its convolutions in the order in which they compute, a box for those of one size."""
    shapes: list[tuple[int, ...]] = [(1, settings["in_channels"], size, size)]
    for module in model.modules():
        if isinstance(module, torch.nn.Conv2d | torch.nn.ConvTranspose2d):
            module.register_forward_hook(lambda _module, _, output: shapes.append(tuple(output.shape)))
    with torch.inference_mode():
        model(torch.zeros(1, settings["in_channels"], size, size))
    inner = [shape for shape, following in pairwise([*shapes[1:-1], (0, 0, 0, 0)]) if shape[2:] != following[2:]]
    shown = [shapes[0], *inner, shapes[-1]]
    places = [(number, -math.log2(size / shape[2])) for number, shape in enumerate(shown)]
    parameters = sum(parameter.numel() for parameter in model.parameters())
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(10, 5.6), layout="constrained")
        axes = figure.add_subplot()
        axes.set_axis_off()
        for (x, y), shape in zip(places, shown, strict=True):
            _box(axes, x, y, shape, outer=x in (0, len(shown) - 1))
        for start, end in pairwise(places):
            _arrow(axes, start, end, "#444444" if start[1] == end[1] else "#CC3311" if end[1] < start[1] else "#228833")
        axes.set_xlim(-0.7, len(shown) - 0.3)
        axes.set_ylim(min(y for _, y in places) - 0.6, 0.8)
        axes.set_title(
            f"Figure 1. The {described(settings)} as trained: {parameters:,} parameters;\n"
            "its convolutions in their order: channels in, pixels above each group of one size"
        )
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
