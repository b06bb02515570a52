"""Figures 2 and 3: predictions for five validation slices, or as many as there are, α = 0 and α = 1."""

from collections.abc import Iterable

import matplotlib as mpl
import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from cedice.data.slices import Slices
from cedice.paper import titles
from cedice.reporting.drawing import STYLE

SAMPLES = 5
_OUTCOMES = {"correct": "#228833", "missed": "#EE7733", "too much": "#AA3377"}
_CLASSES = ("#66CCEE", "#CCBB44", "#EE6677")  # of the truth; after the last it starts anew


def choose(val: Slices) -> list[int]:
    """Positions of the validation slices to show, none twice: at five evenly spaced ranks of foreground size among those that
    have any (all of up to five; of seven and more the ends are left out), so that nobody picks the pretty ones and both losses
    show the same."""
    sizes = (val.masks > 0).sum(axis=(1, 2))
    ranked = [position for position in np.argsort(sizes, kind="stable") if sizes[position]]
    if not ranked:
        ranked = list(range(len(sizes)))
    ends = 1 if len(ranked) >= SAMPLES + 2 else 0
    ranks = np.linspace(0, len(ranked) - 1, min(SAMPLES, len(ranked)) + 2 * ends)
    return [int(ranked[round(rank)]) for rank in ranks[ends : len(ranks) - ends]]


def counted(slices: Iterable[int]) -> str:
    """ "Five validation slices", or how many are shown of data sets of which so many show foreground; "3 to 5" where they
    differ."""
    numbers = [min(SAMPLES, number) for number in slices]
    fewest, most = min(numbers), max(numbers)
    words = ("One", "Two", "Three", "Four", "Five")[most - 1] if fewest == most else f"{fewest} to {most}"
    return f"{words} validation slice{'' if most == 1 else 's'}"


def predictions(validation: dict[str, Slices], labels: dict[str, np.ndarray], title: str) -> Figure:
    """Figures 2 and 3: per data set the slice, the truth, and the prediction coloured by outcome.

    ``labels``: the predicted maps (N, 256, 256) of the slices in ``validation``, by data set.
    """
    named, chosen = titles(validation), {dataset: choose(val) for dataset, val in validation.items()}
    columns = max(map(len, chosen.values()))
    rows = [(dataset, kind) for dataset in named for kind in ("slice", "truth", "prediction")]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.4, 0.6 + 1.5 * len(rows)), layout="constrained")
        grid = figure.subplots(len(rows), columns, squeeze=False)
        for axes in grid.flat:
            axes.set(xticks=[], yticks=[])
            axes.grid(False)
            axes.spines[:].set_visible(False)
        for row, (dataset, kind) in zip(grid, rows, strict=True):
            val = validation[dataset]
            for axes, position in zip(row, chosen[dataset], strict=False):  # a data set may have fewer
                image, truth, predicted = val.images[position], val.masks[position], labels[dataset][position]
                axes.imshow(_paint(image, truth, predicted, kind), interpolation="antialiased")
                if kind == "slice":
                    axes.set_title(val.index["slice"][position], fontsize=6.5)
            row[0].set_ylabel(f"{named[dataset]}\n{kind}", fontsize=8)
        handles = [Patch(color=colour, label=name) for name, colour in _OUTCOMES.items()]
        figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False, title="prediction against truth")
        figure.suptitle(title, fontsize=10)
    return figure


def _paint(image: np.ndarray, truth: np.ndarray, predicted: np.ndarray, kind: str) -> np.ndarray:
    """(H, W, 3) float: the slice, with the truth's classes or the prediction's outcomes over it."""
    picture = np.repeat(image[..., None] / 255.0, 3, axis=2)
    if kind == "truth":
        labels = range(1, int(truth.max()) + 1)
        layers = {label: (_CLASSES[(label - 1) % len(_CLASSES)], truth == label) for label in labels}
    elif kind == "prediction":
        wrong = predicted != truth
        masks = ~wrong & (truth > 0), wrong & (truth > 0), wrong & (truth == 0)
        layers = dict(enumerate(zip(_OUTCOMES.values(), masks, strict=True)))
    else:
        layers = {}
    for colour, chosen in layers.values():
        picture[chosen] = 0.45 * picture[chosen] + 0.55 * np.array(to_rgb(colour))
    return picture
