"""Why the Dice term's gain differs, for people: the two planned experiments, what they predicted, and what came out."""

from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from cedice.analysis.causes import COST, MEASURES, SAME, SAME_SLOPE, SEEDS, SIZES
from cedice.paper import LOSS_COLOURS, LOSS_LINES, PAIR, READOUT_TITLES
from cedice.reporting.drawing import STYLE, finish, titled_lines
from cedice.reporting.markdown import interval, number, table, wrapped

TERMS = {"ce": "CE", "sample": "CE + DL over the sample", "batch": "CE + DL over the batch"}
_PLAN = "[planned before any of these trainings ran](../../docs/method.md#planned-why-the-gain-differs)"
_TESTED = """A contrast is taken for every patient and seed, and tested with trainings and patients crossed, as the verdict is;
95 % intervals, p not corrected. Own thresholds are chosen on the other patients. Where two cells were trained on different
devices, a contrast holds that difference as well."""
_STEPS = """The map says what came out; nothing was predicted of it. Pooled foreground Dice, means over the seeds; all numbers
are in [steps.csv](steps.csv). The rate falls to zero over all steps, so a column within is a training on its way, not one that
ended there."""
_BELOW, _EITHER_SIDE = 0.1, 0.02  # of Dice: where colours end, for the first epochs are far from the rest
_BRIGHTNESS = 0.299, 0.587, 0.114  # of red, green, blue
_GAINS = {
    "gain_half": "the Dice term, at 0.5",
    "threshold": "a threshold for CE",
    "gain_own": "the Dice term, own thresholds",
}
Row = dict[str, Any]


def markdown(levels: pd.DataFrame, crossed: pd.DataFrame, sizes: pd.DataFrame, dataset: str, readout: str) -> str:
    """``levels``, ``crossed``, ``sizes``: `cedice.analysis.causes.levels`, `two_by_two` and `by_size`."""
    lines = [f"# Why the gain differs: {dataset}", ""]
    lines += [wrapped(f"Two experiments, {_PLAN}. The networks are {READOUT_TITLES[readout]}. {_TESTED}"), ""]
    whole = levels[levels["patients"].isna()]
    lines += ["## Dice over the sample or the batch, augmentation off or on", ""]
    lines += [*_predicted(_of_a(crossed)), "", *_levels(whole, list(MEASURES)), ""]
    lines += [*_contrasts(crossed), ""] if len(crossed) else []
    lines += ["## How much data", "", *_predicted(_of_b(sizes)), ""]
    if len(sizes):
        lines += ["![Foreground Dice against the number of training patients](sizes.png)", ""]
        lines += [*_levels(levels[levels["patients"].notna()], ["half", "own", "false_marks", "missed"]), ""]
        lines += [*_sizes(sizes), ""]
        lines += ["![Foreground Dice by training patients and steps](steps.png)", "", wrapped(_STEPS), ""]
    return "\n".join(lines)


def _of_a(crossed: pd.DataFrame) -> list[tuple[str, Row | None, bool]]:
    """(what was predicted, the contrast, whether it is refuted)."""
    marks = _row(crossed, contrast="batch − sample", measure="false_marks")
    cost, same = (_row(crossed, contrast=name, measure="half") for name in ("batch − sample", "interaction"))
    return [
        ("Over the batch, false marks are fewer than over the sample", marks, marks is not None and marks["high"] >= 0),
        (f"Dice over the batch minus over the sample is {COST:+g} or more", cost, cost is not None and cost["high"] < COST),
        (f"Augmentation does not change that: the interaction lies within ±{SAME:g}", same, not _within(same, SAME)),
    ]


def _of_b(sizes: pd.DataFrame) -> list[tuple[str, Row | None, bool]]:
    slopes = {measure: _row(sizes, patients=0, measure=measure) for measure in _GAINS}
    scarce, rule, own = slopes.values()
    fewest = _row(sizes, patients=SIZES[0], measure="gain_half")
    falls = scarce is not None and fewest is not None and scarce["high"] < 0 < fewest["mean"]
    return [
        ("Scarcity makes the gain: its slope at 0.5 is negative, and the gain with 2 patients positive", scarce, not falls),
        ("It is the decision rule: the slope of a threshold's gain is negative", rule, rule is None or rule["high"] >= 0),
        (f"… and with own thresholds the slope lies within ±{SAME_SLOPE:g} a doubling", own, not _within(own, SAME_SLOPE)),
    ]


def _within(row: Row | None, margin: float) -> bool:
    return row is not None and -margin < row["low_90"] and row["high_90"] < margin


def _row(rows: pd.DataFrame, **keys: Any) -> Row | None:
    for name, value in keys.items():
        rows = rows[rows[name] == value] if len(rows) else rows
    return rows.iloc[0].to_dict() if len(rows) else None


def _predicted(asked: list[tuple[str, Row | None, bool]]) -> list[str]:
    cells = []
    for told, row, refuted in asked:
        if row is None or row["seeds"] < SEEDS:
            cells.append([told, "–", "–", "–", "not trained yet"])
        else:
            tested = [number(row["mean"], "+"), interval(row["low"], row["high"]), interval(row["low_90"], row["high_90"])]
            cells.append([told, *tested, "**refuted**" if refuted else "not refuted"])
    return table(["predicted", "measured", "95 % interval", "90 % interval", "by the rule fixed before"], cells)


def _levels(rows: pd.DataFrame, measures: list[str]) -> list[str]:
    cells = []
    for row in rows.to_dict("records"):
        name = TERMS[row["term"]] + (", augmented" if row["augmented"] else "")
        patients = [] if pd.isna(row["patients"]) else [f"{row['patients']:.0f}"]
        values = [number(row[each], digits=_digits(each)) for each in measures]
        cells.append([*patients, name, str(row["trainings"]), *values, row["trained"]])
    heads = ["patients"] if rows["patients"].notna().any() else []
    return table([*heads, "trained with", "seeds", *(MEASURES[each] for each in measures), "on"], cells)


def _digits(measure: str) -> str:
    return ".1f" if measure in ("false_marks", "missed") else ".4f"


def _contrasts(crossed: pd.DataFrame) -> list[str]:
    cells = [
        [
            row["contrast"],
            MEASURES[row["measure"]],
            number(row["mean"], "+"),
            interval(row["low"], row["high"]),
            number(row["p"], digits=".2g"),
            f"{row['seeds']} × {row['units']}",
        ]
        for row in crossed.to_dict("records")
    ]
    return table(["contrast", "of", "mean", "95 % interval", "p", "seeds × patients"], cells)


def _sizes(sizes: pd.DataFrame) -> list[str]:
    cells = []
    for row in sizes.sort_values("patients", key=lambda of: of.replace(0, 10**6), kind="stable").to_dict("records"):
        told = f"{row['patients']}" if row["patients"] else "slope a doubling"
        digits = ".4f" if row["patients"] else ".5f"
        span = f"{row['low']:+{digits}} … {row['high']:+{digits}}"
        cells.append([told, _GAINS[row["measure"]], number(row["mean"], "+", digits), span, number(row["p"], digits=".2g")])
    return table(["patients", "gain of", "mean", "95 % interval", "p"], cells)


def steps(along: pd.DataFrame, dataset: str) -> Figure:
    """``along``: `cedice.analysis.causes.along`. Dice of both losses and their difference, a row a number of patients, a column
    a number of steps."""
    levels = {TERMS[term]: along.pivot(index="patients", columns="steps", values=term) for term in ("ce", "sample")}
    ce, term = levels.values()
    high = max(of.max(axis=None) for of in levels.values())
    drawn_as = [(name, of, "cividis", high - _BELOW, high, ".3f") for name, of in levels.items()]
    drawn_as.append(("difference", term - ce, "PuOr", -_EITHER_SIDE, _EITHER_SIDE, "+.3f"))
    with mpl.rc_context(STYLE | {"axes.grid": False}):
        drawn = Figure(figsize=(7, 8), layout="constrained")
        for axes, (name, of, colours, least, most, digits) in zip(drawn.subplots(3), drawn_as, strict=True):
            image = axes.imshow(of, cmap=colours, vmin=least, vmax=most, aspect="auto")
            axes.set_xticks(range(of.shape[1]), [f"{count:,}" for count in of.columns])
            axes.set_yticks(range(of.shape[0]), map(str, of.index))
            axes.set(ylabel="training patients", title=name)
            for (row, column), value in np.ndenumerate(of.to_numpy()):
                bright = np.dot(image.to_rgba(value)[:3], _BRIGHTNESS) > 0.5
                text = f"{value:{digits}}"
                axes.text(column, row, text, ha="center", va="center", color="black" if bright else "white", size=7)
        axes.set_xlabel("steps")
    return finish(drawn, [], f"How much data, and how many steps: {dataset}, foreground Dice")


def figure(levels: pd.DataFrame, dataset: str) -> Figure:
    """Foreground Dice against the number of training patients, a line a loss at 0.5 and one at own thresholds."""
    rows = levels[levels["patients"].notna()]
    with mpl.rc_context(STYLE):
        drawn = Figure(figsize=(7, 4), layout="constrained")
        axes = drawn.subplots()
        for loss, term in zip(PAIR, ("ce", "sample"), strict=True):
            of = rows[rows["term"] == term]
            for measure, marker, fill in (("half", "o", LOSS_COLOURS[loss]), ("own", "s", "none")):
                axes.plot(of["patients"], of[measure], LOSS_LINES[loss], marker=marker, mfc=fill, color=LOSS_COLOURS[loss])
        axes.set_xscale("log", base=2)
        axes.set_xticks(SIZES, map(str, SIZES))
        axes.minorticks_off()
        axes.set(xlabel="training patients", ylabel="foreground Dice, mean over patients")
        handles = titled_lines()
        handles += [
            Line2D([], [], color="#444444", linestyle="none", marker="o", label="at 0.5"),
            Line2D([], [], color="#444444", linestyle="none", marker="s", mfc="none", label="at own threshold"),
        ]
    return finish(drawn, handles, f"How much data: {dataset}, equal steps")
