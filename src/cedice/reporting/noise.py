"""The noise budget for people: what to spend the next hour on, the spreads, how many trainings or patients it would take."""

import math

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from cedice.analysis.noise import SIZES
from cedice.analysis.verdict import PRIMARY
from cedice.metrics import LAST_EPOCHS
from cedice.paper import LOSS_TITLES, METRIC_TITLES, PAIR, READOUT_TITLES, titles
from cedice.reporting.drawing import STYLE, finish, log_scale
from cedice.reporting.markdown import networks, number, table, title, wrapped

SCHEDULES, BUDGET = "Schedule and network", "The noise budget"
_PARTS = {  # component → its colour and mark
    "epoch": ("#0072B2", "o"),
    "training": ("#D55E00", "s"),
    "unit": ("#009E73", "^"),
    "rest": ("#999999", "D"),
}
_WINDOW = f"the last tenth of the epochs (two at least, {LAST_EPOCHS} at most)"
_ABOUT_SCHEDULES = f"""Foreground Dice, pooled over the validation set: mean over {_WINDOW} ± standard deviation from epoch
to epoch within a training (mean and root mean square over the seeds)."""
_ABOUT = f"""Of the difference CE + DL minus CE, patient by patient (slice by slice where patients are unknown), seed by
seed and epoch by epoch over {_WINDOW}: Dice and IoU over the foreground, and pixel error. Spreads are
standard deviations, from a two-way analysis of variance with epochs nested in trainings (`cedice.analysis.noise` has
the equations), by the method of moments; what comes out negative is 0. Neighbouring epochs are alike, those of the
averaged network above all, so that the spread from epoch to epoch is then too small and that from seed to seed too
large by as much. The shares are those of se², the squared standard error of the verdict's test with the seeds and
patients at hand. n: patients or slices. How many it would take: to find a true difference of that size with 80 % power,
at the level of the first step of Holm's correction, with these spreads; ∞ where none is enough, for what the others
leave is too much. The spreads themselves are uncertain, the more so the fewer the seeds."""
_ABOUT_FOLDS = """ Where there are folds, the analysis is within each, and its sums are added; folds themselves are taken to add
nothing, and the verdict's test has one degree of freedom fewer than folds."""


def markdown(
    budget: pd.DataFrame,
    schedules: pd.DataFrame,
    hour: pd.DataFrame,
    study: str,
    synthetic: bool,
    margin: float,
    machine: str,
) -> str:
    """``budget``, ``schedules``, ``hour``: as `cedice.analysis.noise` makes them, the last of the network on which the verdict
    rests; ``margin``: a difference in Dice that does not matter; ``machine``: of whose hours it speaks, CPU or GPU."""
    lines = [*title("Where the noise comes from", study, synthetic), wrapped(networks(dict.fromkeys(budget["readout"]))), ""]
    lines += [wrapped(advice(budget, hour, margin, machine)), "", *_untold(budget)]
    lines += [f"## {SCHEDULES}", "", wrapped(_ABOUT_SCHEDULES), "", *_schedules(schedules), ""]
    told = budget[budget["error"].notna()]
    if len(told):
        lines += [f"## {BUDGET}", "", "![What each adds to the standard error](../figures/noise.png)", "", *_spreads(told), ""]
        lines += ["## How many it would take", "", *_needed(told), ""]
    about = _ABOUT + (_ABOUT_FOLDS if (told["folds"] > 1).any() else "")
    return "\n".join([*lines, "## How to read this", "", wrapped(about)]) + "\n"


def advice(budget: pd.DataFrame, hour: pd.DataFrame, margin: float, machine: str) -> str:
    """One sentence in bold, and the numbers behind it."""
    named, next_ = titles(budget["dataset"]), f"**The next {machine} hour: on"
    if hour.empty and (budget["folds"] > 1).any():
        return f"{next_} a second training of every fold**, for one does not tell its noise from the patients'."
    if hour.empty:
        return f"{next_} a second seed**, for one training a loss does not tell its noise."
    numbers = "; ".join(
        f"{named[row['dataset']]}: {row['pairs']:.1f} more seeds an hour, from {row['detectable']:.4f} to {row['after']:.4f}, "
        f"{row['limit']:.4f} with any number of them"
        for row in hour.to_dict("records")
    )
    behind = f"The smallest difference in foreground Dice that is found with 80 % power: {numbers}."
    open_ = hour[hour["detectable"] > margin]
    if open_.empty:
        return f"{next_} other data**, for a difference of {margin:g} in Dice is found on every data set. {behind}"
    by_seeds = open_[open_["of_units"] < 0.5]
    if len(by_seeds):
        best = by_seeds.loc[(by_seeds["after"] / by_seeds["detectable"]).idxmin()]
        return (
            f"{next_} more seeds of {named[best['dataset']]}**, where {1 - best['of_units']:.0%} of the "
            f"verdict's variance falls with them. {behind}"
        )
    best = open_.loc[open_["limit"].idxmax()]
    how = " (folds)" if best["folds"] == 1 else ""
    return (
        f"{next_} other {best['unit']}s of {named[best['dataset']]}{how}, not on more seeds**, for "
        f"{best['of_units']:.0%} of the verdict's variance is from {best['unit']} to {best['unit']}. {behind}"
    )


def _untold(budget: pd.DataFrame) -> list[str]:
    """What cannot be told, and why."""
    reasons: dict[str, list[str]] = {}
    for dataset, name in titles(budget["dataset"]).items():
        row = budget[budget["dataset"] == dataset].iloc[0]
        if row["folds"] > 1 and math.isnan(row["error"]):
            why = "one training a fold and loss (or unequally many), so that patients and trainings cannot be told apart."
        elif row["seeds"] == 1:
            why = "one training a loss: the spread from seed to seed is unknown, so is what counts most, and how many it takes."
        elif row["units"] < 2:
            why = f"fewer than two {row['unit']}s have these measures."
        elif row["epochs"] == 1:
            why = "no counts of the last epochs were kept, so the spread from seed to seed holds that from epoch to epoch too."
        else:
            continue
        reasons.setdefault(why, []).append(name)
    return [line for why, names in reasons.items() for line in (wrapped(f"Not told of {' and '.join(names)}: {why}"), "")]


def _schedules(schedules: pd.DataFrame) -> list[str]:
    named = titles(schedules["dataset"])
    rows = []
    for row in schedules.sort_values("dataset", key=lambda names: names.map(list(named).index), kind="stable").to_dict(
        "records"
    ):
        cells = [f"{number(row[f'{loss}_mean'])} ± {number(row[f'{loss}_std'])}" for loss in PAIR]
        rows.append([named[row["dataset"]], row["schedule"], READOUT_TITLES[row["readout"]], str(row["seeds"]), *cells])
    return table(["data", "schedule", "network", "seeds", *(LOSS_TITLES[loss] for loss in PAIR)], rows)


def _spreads(told: pd.DataFrame) -> list[str]:
    named = titles(told["dataset"])
    heads = ["data", "measure", "network", "seeds", "n", "epochs", *_words(told)]
    heads += [f"share of se²: epoch, seed, {_units(told)}, rest", "standard error", "detectable, 80 % power"]
    rows = []
    for row in told.to_dict("records"):
        cells = [named[row["dataset"]], METRIC_TITLES[row["measure"]], READOUT_TITLES[row["readout"]]]
        cells += [f"{row[name]:.0f}" for name in ("seeds", "units", "epochs")]
        cells += [number(row[f"sd_{name}"]) for name in _PARTS]
        shares = [row[f"share_{name}"] for name in _PARTS]
        cells.append(", ".join("–" if math.isnan(share) else f"{share:.0%}" for share in shares))
        rows.append([*cells, number(row["error"], digits=".5f"), number(row["detectable"])])
    return table(heads, rows)


def _units(budget: pd.DataFrame) -> str:
    return " or ".join(dict.fromkeys(budget["unit"]))


def _words(budget: pd.DataFrame) -> list[str]:
    """Of each component."""
    unit = _units(budget)
    other = "another" if budget["unit"].nunique() > 1 else unit
    return ["from epoch to epoch", "from seed to seed", f"from {unit} to {other}", "the rest"]


def _needed(told: pd.DataFrame) -> list[str]:
    named = titles(told["dataset"])
    heads = [
        "data",
        "measure",
        "network",
        *(f"seeds for {size}" for size in SIZES),
        *(f"n for {size}" for size in SIZES),
    ]
    rows = []
    for row in told.to_dict("records"):
        cells = [named[row["dataset"]], METRIC_TITLES[row["measure"]], READOUT_TITLES[row["readout"]]]
        numbers = [row[f"{kind}_for_{size}"] for kind in ("seeds", "units") for size in SIZES]
        rows.append([*cells, *("∞" if math.isinf(many) else f"{many:,.0f}" for many in numbers)])
    return table(heads, rows)


def figure(budget: pd.DataFrame, note: str) -> Figure:
    """What each component adds to the standard error (the root of its share of se²), a place a data set and network, one axis a
    measure. ``note``: where it is from."""
    told = budget[budget["error"].notna()]
    with mpl.rc_context(STYLE):
        drawn = Figure(figsize=(10, 3.8), layout="constrained")
        named = titles(budget["dataset"])
        for axes, (measure, words) in zip(drawn.subplots(1, len(METRIC_TITLES)), METRIC_TITLES.items(), strict=True):
            rows = told[told["measure"] == measure]
            places = np.arange(len(rows))
            for name, (colour, mark) in _PARTS.items():
                adds = np.sqrt(rows[f"share_{name}"]) * rows["error"]
                axes.plot(places, adds.where(adds > 0), mark, color=colour)
            axes.plot(places, rows["error"], "_", color="#222222", markersize=22)
            labels = [
                f"{named[row['dataset']]}\n{READOUT_TITLES[row['readout']]}\n{row['seeds']:.0f} × {row['units']:.0f}"
                for row in rows.to_dict("records")
            ]
            axes.set_xticks(places, labels, fontsize=min(7, 24 / max(len(rows), 1)))
            axes.set(title=words, ylabel="adds to the standard error" if measure == PRIMARY else "")
            axes.margins(x=0.2)
            if (rows["error"] > 0).any():
                log_scale(axes)
            if rows.empty:
                axes.text(0.5, 0.5, "not told", ha="center", transform=axes.transAxes)
        styles = zip(_words(budget), _PARTS.values(), strict=True)
        handles = [Line2D([], [], color=colour, marker=mark, ls="none", label=words) for words, (colour, mark) in styles]
        handles.append(Line2D([], [], color="#222222", marker="_", ls="none", markersize=14, label="all together"))
    units = " or ".join(f"{unit}s" for unit in dict.fromkeys(budget["unit"]))
    return finish(drawn, handles, f"Where the noise of CE + DL minus CE comes from, seeds × {units} ({note})")
