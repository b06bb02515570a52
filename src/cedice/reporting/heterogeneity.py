"""The Dice term's effect in several networks, for people: a forest plot, a table, a sentence a data set."""

import math
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cedice.analysis.difference import Best
from cedice.analysis.heterogeneity import Heterogeneity
from cedice.analysis.statistics import LEVEL
from cedice.paper import LOSS_TITLES, NETWORK_TITLES, PAIR, READOUT_TITLES, titles
from cedice.reporting.drawing import STYLE, finish
from cedice.reporting.markdown import interval, number, spread, table, wrapped

_TITLE = "# Is the Dice term's effect the same in other networks?"
_NONE = "No study of these has a verdict yet: "
_ABOUT = """CE + DL minus CE in foreground Dice, patient by patient (slice by slice where patients are unknown) and training by
training: the verdict's own row, whose p is corrected within its study. Foreground Dice of a loss: counts pooled over the
validation set, mean ± standard deviation over the trainings. The last column is F of networks against their trainings, and
against patients as far as networks differ by patient; p is corrected by Holm over the data sets. Sameness is not shown by a
test that calls no difference.
"""


_ABOUT_BEST = """Foreground Dice after each validated epoch, pooled over the validation set, mean over the trainings: where it
is highest, and after the last. CE + DL minus CE is given at the earlier of the two best epochs and after the last. Where both
losses are at their best in the first two thirds, the trainings are past it, and the difference at their end is of networks that
overfit. The validation set chose no epoch: all else here is of the last."""


def nothing(studies: list[str]) -> str:
    """The report while there is nothing to compare."""
    return f"{_TITLE}\n\n{_NONE}{', '.join(studies)}.\n"


def markdown(
    rows: pd.DataFrame,
    tests: dict[str, Heterogeneity],
    corrected: dict[str, float],
    bests: dict[tuple[str, str], Best],
    readout: str,
) -> str:
    """``rows``: of `stages/across.py`; ``tests`` and ``corrected`` p by data set, of those that two networks have; ``bests``:
    `difference.best` by data set and network."""
    lines = [_TITLE, ""]
    for dataset, name in titles(rows["dataset"]).items():
        of = rows[rows["dataset"] == dataset]
        effects = ", ".join(f"{NETWORK_TITLES[row.network]} {row.mean:+.4f}" for row in of.itertuples())
        lines += [
            wrapped(f"**{name}.** {_sentence(tests.get(dataset), corrected.get(dataset))} {effects}.{_past(bests, dataset)}"),
            "",
        ]
    body = []
    for dataset, name in titles(rows["dataset"]).items():
        for row in rows[rows["dataset"] == dataset].to_dict("records"):
            cells = [name, NETWORK_TITLES[row["network"]], f"`{row['study']}`", f"{row['seeds']}", f"{row['units']}"]
            cells += [spread(row[loss], row[f"{loss}_std"]) for loss in PAIR]
            cells += [number(row["mean"], "+"), interval(row["low"], row["high"]), number(row["p"], digits=".3g")]
            cells += [row["verdict"], f"{row['minutes']:.1f}", f"{row['peak_gb']:.1f}"]
            body.append([*cells, _tested(tests.get(dataset), corrected.get(dataset))])
    heads = ["data", "network", "study", "trainings a loss", "n", "Dice, CE", "Dice, CE + DL", "CE + DL minus CE"]
    heads += ["95 % interval", "p (Holm)", "raises Dice", "minutes a training", "peak memory, GB", "between networks"]
    about = wrapped(_ABOUT + f"Network of each training: {READOUT_TITLES[readout]}.")
    lines += ["![The Dice term's effect by network](networks.png)", "", *table(heads, body), "", about, ""]
    return "\n".join([*lines, "## When they are at their best", "", *_bests(bests), "", wrapped(_ABOUT_BEST), ""])


def _past(bests: dict[tuple[str, str], Best], dataset: str) -> str:
    """A sentence, with a space before it, on the networks that are past their best."""
    past = [
        f"{NETWORK_TITLES[network]} {found.early:+.4f} at epoch {min(found.epoch.values())} and {found.late:+.4f} at "
        f"{found.epochs}, pooled over the set"
        for (name, network), found in bests.items()
        if name == dataset and found.past
    ]
    return f" Past its best: {'; '.join(past)}." if past else ""


def _bests(bests: dict[tuple[str, str], Best]) -> list[str]:
    body = []
    for dataset, name in titles(dataset for dataset, _ in bests).items():
        for network, found in ((network, found) for (of, network), found in bests.items() if of == dataset):
            cells = [
                text
                for loss in PAIR
                for text in (f"{found.epoch[loss]} of {found.epochs}", f"{found.dice[loss]:.4f}", f"{found.last[loss]:.4f}")
            ]
            body.append([name, NETWORK_TITLES[network], *cells, number(found.early, "+"), number(found.late, "+")])
    heads = [f"{LOSS_TITLES[loss]}: {what}" for loss in PAIR for what in ("best epoch", "Dice there", "at the end")]
    return table(["data", "network", *heads, "CE + DL minus CE there", "at the end"], body)


def _sentence(test: Heterogeneity | None, p: float | None) -> str:
    if test is None or p is None:
        return "Two networks of at least two trainings a loss are needed for a test:"
    told = "differs between networks" if p < LEVEL else "does not differ between networks by more than noise"
    return f"The Dice term's effect {told} ({_tested(test, p)}):"


def _tested(test: Heterogeneity | None, p: float | None) -> str:
    if test is None or p is None:
        return "–"
    return f"F({test.numerator}, {test.denominator:.1f}) = {test.f:.2f}, p = {p:.3g}"


def forest(rows: pd.DataFrame, margin: float, readout: str) -> Figure:
    """A panel a data set, a line a network: mean and 95 % interval; the band is the margin within which nothing matters."""
    named = titles(rows["dataset"])
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(5 * len(named), 2.6), layout="constrained")
        for axes, (dataset, name) in zip(figure.subplots(1, len(named), squeeze=False)[0], named.items(), strict=True):
            of: list[dict[str, Any]] = rows[rows["dataset"] == dataset].to_dict("records")
            axes.axvspan(-margin, margin, color="#009E73", alpha=0.12, linewidth=0)
            axes.axvline(0, color="#222222", linewidth=1)
            for place, row in enumerate(of):
                reach = [[row["mean"] - row["low"]], [row["high"] - row["mean"]]]
                axes.errorbar(
                    row["mean"], place, xerr=None if math.isnan(row["low"]) else reach, fmt="o", color="#0072B2", capsize=3
                )
            axes.set_yticks(range(len(of)), [NETWORK_TITLES[row["network"]] for row in of])
            axes.set_ylim(len(of) - 0.4, -0.6)
            axes.set(xlabel="CE + DL minus CE (foreground Dice); right is better", title=name)
            axes.xaxis.set_major_locator(MaxNLocator(5))
            axes.grid(axis="y", visible=False)
    title = f"The Dice term's effect by network, 95 % intervals (network: {READOUT_TITLES[readout]}; green: margin)"
    return finish(figure, [], title)
