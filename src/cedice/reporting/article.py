"""The article and its figures: a PDF, and vector graphics in the text's smaller size, told apart in grey by lines and marks.
The same inputs give the same bytes."""

import io
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from cedice.analysis.across import uniform
from cedice.errors import CediceError
from cedice.evaluation.runs import Runs
from cedice.paper import AVERAGES, LOSS_COLOURS, LOSS_LINES, METRIC_TITLES, PAIR, titles
from cedice.reporting.drawing import STYLE, curve, log_scale, titled_lines

WIDTH = 6.9  # inches of a page's two columns
_STYLE = STYLE | {"font.size": 8, "axes.titlesize": 8, "axes.labelsize": 8, "legend.fontsize": 8, "svg.hashsalt": "cedice"}
_MARKS = ("o", "s", "^")


def pdf(source: Path, root: Path, figures: Mapping[str, Figure]) -> bytes:
    """Typeset a Typst file that reads what it says from files below ``root``, and figures by name from `sys.inputs`.

    CediceError where typst is not installed, or finds a fault.
    """
    try:
        import typst  # noqa: PLC0415  (an extra of its own)
    except ImportError as error:
        raise CediceError("the article needs typst: pip install '.[article]'") from error
    try:
        return typst.compile(
            str(source),
            root=str(root),
            ignore_system_fonts=True,
            sys_inputs={name: _svg(figure) for name, figure in figures.items()},
            timestamp=datetime.fromtimestamp(0, UTC),
        )
    except typst.TypstError as error:
        raise CediceError(f"{source}: {' '.join(str(error).split())}") from error


def _svg(figure: Figure) -> str:
    written = io.StringIO()
    with mpl.rc_context(_STYLE):
        figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None})
    return written.getvalue()


def curves(runs: Mapping[str, Runs]) -> Figure:
    """The paper's Figures 4 and 5: its metrics over the epochs, a row a data set, in the average that Table 1 of the paper fits
    best. ``runs``: {network: all trainings}."""
    named = titles(dataset for dataset, _, _ in runs["averaged"])
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(WIDTH, 3.5), layout="constrained")
        rows = figure.subplots(len(named), len(METRIC_TITLES))
        for axes, name in zip(rows[0], METRIC_TITLES.values(), strict=True):
            axes.set_title(name)
        for axes in rows[-1]:
            axes.set_xlabel("epoch")
        for row, (dataset, title) in zip(rows, named.items(), strict=True):
            row[0].set_ylabel(title)
            for axes, metric in zip(row, METRIC_TITLES, strict=True):
                for loss in PAIR:
                    _over_epochs(axes, runs, dataset, loss, f"{metric}_{AVERAGES[dataset]}")
                axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
                if metric == "pixel_error":
                    log_scale(axes)
                else:
                    axes.set_ylim(0, 1)
        handles = [*titled_lines(), Line2D([], [], color="#777777", linewidth=0.6, label="network of each epoch")]
        figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)
    return figure


def _over_epochs(axes: Axes, runs: Mapping[str, Runs], dataset: str, loss: str, column: str) -> None:
    for readout, of in runs.items():
        histories = [run.history for key, run in of.items() if key[:2] == (dataset, loss)]
        epochs, seeds = histories[0]["epoch"], [history[column] for history in histories]
        if readout == "averaged":
            curve(axes, epochs, seeds, color=LOSS_COLOURS[loss], linestyle=LOSS_LINES[loss], linewidth=1.3)
        else:
            mean = np.mean(seeds, axis=0)
            axes.plot(epochs, mean, LOSS_LINES[loss], color=LOSS_COLOURS[loss], linewidth=0.5, alpha=0.6)


def rule(thresholds: pd.DataFrame, rows: pd.DataFrame) -> Figure:
    """Loss or decision rule: Dice against the threshold, a panel a data set, and both gains against what is uncertain.

    ``thresholds``: `decision.curves` of one network; ``rows``: `cedice.analysis.across.table`.
    """
    named = titles(thresholds["dataset"])
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(WIDTH, 2.5), layout="constrained")
        *panels, right = figure.subplots(1, len(named) + 1)
        for axes, (dataset, title) in zip(panels, named.items(), strict=True):
            of = thresholds[thresholds["dataset"] == dataset]
            axes.axvline(0.5, color="#222222", linewidth=0.8, linestyle=":")
            for loss in PAIR:
                line = of[of["loss"] == loss]
                axes.plot(line["threshold"], line["mean"], LOSS_LINES[loss], color=LOSS_COLOURS[loss])
            top = of["mean"].max()
            axes.set(xlabel="threshold", title=f"{title}: foreground Dice", xlim=(0, 1), ylim=(max(top - 0.2, 0), top + 0.02))
        along = np.linspace(0, rows["uncertain"].max() * 1.1, 200)
        right.plot(along, uniform(1 - along), color="#222222", linewidth=0.8, linestyle=":")
        right.axhline(0, color="#999999", linewidth=0.6)
        markers = dict(zip(titles(rows["dataset"]), _MARKS, strict=True))
        for row in rows.itertuples():
            marker = {"marker": markers[row.dataset], "markersize": 4, "linestyle": "none"}
            right.plot(row.uncertain, row.threshold_gain, color="#222222", mfc="none", **marker)
            right.plot(row.uncertain, row.half, color=LOSS_COLOURS["ce_dl"], **marker)
        right.set(xlabel="1 − best Dice of CE", title="all studies: gain in Dice")
        handles = titled_lines()
        handles += [
            Line2D([], [], color="#222222", marker="o", mfc="none", markersize=4, linestyle="none", label="threshold for CE"),
            Line2D([], [], color=LOSS_COLOURS["ce_dl"], marker="o", markersize=4, linestyle="none", label="Dice term"),
        ]
        handles += [
            Line2D([], [], color="#777777", marker=marker, markersize=4, linestyle="none", label=title)
            for title, marker in zip(titles(rows["dataset"]).values(), _MARKS, strict=True)
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False, columnspacing=1.2)
    return figure
