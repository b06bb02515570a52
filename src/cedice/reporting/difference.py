"""What the Dice term changes as the training goes on, for people."""

import matplotlib as mpl
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from cedice.analysis.difference import NEITHER, QUALITY, UNTESTABLE, Answer, answer
from cedice.evaluation.runs import decisive
from cedice.paper import READOUT_TITLES, titles
from cedice.reporting.drawing import STYLE, finish
from cedice.reporting.markdown import counted, interval, networks, number, table, title, wrapped

_COLOURS = {"last": "#999999", "averaged": "#0072B2"}
_MARGIN = "#CCBB44"
_SHOWN = (1, 2, 5, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500)  # epochs, and the last
_ABOUT = """The difference in foreground Dice, pooled over the validation set: CE + DL minus CE after each validated epoch, mean
over the seeds with its 95 % interval (Student's t over the seeds; other patients are not in it). The averaged network after an
epoch is that of a training which ends there. Where the difference of the network on which the verdict rests lies within
± {margin:g} (the margin of Dice in `params.yaml`) from some epoch to the end, the Dice term buys speed; where it lies beyond
after the last epoch, quality, as far as a training of this length can show. That is settled where the whole interval says
so. With one training a loss it is not testable."""


def markdown(differences: pd.DataFrame, study: str, synthetic: bool, margin: float) -> str:
    """``differences``: `difference.over_epochs`; ``margin``: of Dice."""
    readouts = list(dict.fromkeys(differences["readout"]))
    lines = [*title("Quality or speed?", study, synthetic), wrapped(networks(readouts)), ""]
    chosen = differences[differences["readout"] == decisive(readouts)]
    named = titles(differences["dataset"])
    for dataset, name in named.items():
        found = answer(chosen[chosen["dataset"] == dataset], margin)
        lines += [f"**{name}**: {_words(found, margin)}", ""]
    lines += ["![CE + DL minus CE over the epochs](../figures/difference.png)", "", *_table(differences, named), ""]
    return "\n".join([*lines, "## How to read this", "", wrapped(_ABOUT.format(margin=margin))]) + "\n"


def _words(found: Answer, margin: float) -> str:
    if found.kind == UNTESTABLE:
        return f"not testable, one training a loss ({found.mean:+.4f} after the last epoch)."
    numbers = f"{found.mean:+.4f} ({interval(found.low, found.high)} over the seeds)"
    if found.kind == QUALITY:
        words = f"quality: the difference is still {numbers} after epoch {found.epochs}, the last"
        return f"{words}." if found.settled else f"{words}; not settled, for the interval reaches within ± {margin:g}."
    if found.kind == NEITHER:
        words = f"neither: the difference never leaves ± {margin:g}, and is {numbers} after the last"
    elif found.epoch == found.epochs:
        words = f"speed at most: the difference comes within ± {margin:g} only with the last epoch, {found.epochs}: {numbers}"
    else:
        words = f"speed: the difference is gone after epoch {found.epoch} of {found.epochs}, and is {numbers} after the last"
    return f"{words}." if found.settled else f"{words}; not settled, for the interval reaches beyond ± {margin:g}."


def _table(differences: pd.DataFrame, named: dict[str, str]) -> list[str]:
    rows = []
    for dataset, name in named.items():
        for readout, words in READOUT_TITLES.items():
            part = differences[(differences["dataset"] == dataset) & (differences["readout"] == readout)]
            shown = part[part["epoch"].isin(_SHOWN) | (part["epoch"] == part["epoch"].max())]
            for row in shown.to_dict("records"):
                cells = [number(row["mean"], "+"), number(row["std"]), interval(*_ends(row))]
                rows.append([name, words, f"{row['epoch']:.0f}", *cells])
    return table(["data", "network", "epoch", "CE + DL minus CE", "std over the seeds", "95 % interval"], rows)


def _ends(row: dict[str, float]) -> tuple[float, float]:
    return row["low"], row["high"]


def figure(differences: pd.DataFrame, note: str, margin: float) -> Figure:
    """A line a network, a band its 95 % interval over the seeds; yellow between ± ``margin``. ``note``: where it is from."""
    named = titles(differences["dataset"])
    with mpl.rc_context(STYLE):
        drawn = Figure(figsize=(10, 3.8), layout="constrained")
        for axes, (dataset, name) in zip(drawn.subplots(1, len(named), squeeze=False)[0], named.items(), strict=True):
            axes.axhspan(-margin, margin, color=_MARGIN, alpha=0.35, linewidth=0)
            axes.axhline(0, color="#222222", linewidth=0.8)
            chosen = differences[differences["dataset"] == dataset]
            for readout, colour in _COLOURS.items():
                part = chosen[chosen["readout"] == readout]
                axes.plot(part["epoch"], part["mean"], color=colour, linewidth=1.4)
                axes.fill_between(part["epoch"], part["low"], part["high"], color=colour, alpha=0.2, linewidth=0)
            seeds = counted(int(chosen["seeds"].iloc[0]), "seed")
            axes.set(xlabel="epoch", title=f"{name} ({seeds})", ylabel="foreground Dice, CE + DL minus CE")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.set_ylim(*_limits(chosen, margin))
        present = dict.fromkeys(differences["readout"])
        handles: list[Artist] = [Line2D([], [], color=_COLOURS[readout], label=READOUT_TITLES[readout]) for readout in present]
        handles.append(Patch(color=_MARGIN, alpha=0.35, label="does not matter"))
    return finish(drawn, handles, f"What the Dice term changes as the training goes on ({note})")


def _limits(chosen: pd.DataFrame, margin: float) -> tuple[float, float]:
    """By the means, and by the intervals of the second half: the first epochs of few seeds reach anywhere."""
    late = chosen[chosen["epoch"] > chosen["epoch"].max() / 2]
    ends = pd.concat([chosen["mean"], late["low"], late["high"], pd.Series([-2 * margin, 2 * margin])]).dropna()
    room = 0.05 * (ends.max() - ends.min())
    return float(ends.min() - room), float(ends.max() + room)
