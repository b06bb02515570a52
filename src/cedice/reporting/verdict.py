"""The verdict for people."""

from typing import Any

import pandas as pd

from cedice.analysis.verdict import EQUAL, TOO_SMALL
from cedice.paper import METRIC_TITLES, UNDETERMINED, figure_numbers, titles
from cedice.reporting.markdown import counted, interval, number, table, title, wrapped

_DIFFERENCES = {"dice": "foreground Dice", "iou": "foreground IoU", "pixel_error": "pixel error"}
_ABOUT = """Differences patient by patient (slice by slice where patients are unknown; n of them) and seed by seed: Dice and IoU
over the foreground, pixel error, surface Dice at 2, Dice of targets below 400 pixels.
The first table asks whether other trainings would show the same on other patients: both are samples, and crossed (two-way
analysis of variance with random effects, Satterthwaite's degrees of freedom). One training a loss says nothing of others: not
testable. Each p is corrected by Holm within its family: Dice on every data set is primary, all else secondary. Confirmed or
contradicted: the corrected p is below 0.05. No difference that matters: the 90 % interval lies within ± the margin, which
`params.yaml` states. The detectable difference would have been found with 80 % power at the level of Holm's first step, so that
"not confirmed" says how much could have been overlooked; it takes the spreads as they were measured.{paper} The second table
describes these very trainings on other patients or slices: a bootstrap of these, and Wilcoxon's signed-rank test. It decides
nothing, for other trainings differ.{chance} Figures 4 to {last} lie under `figures/`.
"""
_ABOUT_CHANCE = """ The third table takes the spread over our seeds, in the paper's average, and says how often one training a
loss, as the paper has, would differ as much if the losses were equal, in either direction; in brackets what the uncertainty of
that spread allows."""
_ABOUT_PAPER = """ The paper's differences are of one run a row,
here in the average over the foreground: where its Table 1 includes the background (ACDC), Dice and IoU change by classes /
(classes − 1) times as much without it, if the background's own hardly changes.{undetermined}"""


def markdown(
    judged: pd.DataFrame,
    study: str,
    synthetic: bool,
    last_epochs: dict[str, dict[str, float | None]] | None = None,
    by_chance: pd.DataFrame | None = None,
) -> str:
    """The verdict in plain words, its tables, and what their columns mean.

    ``judged``: `verdict.judge`. ``last_epochs``: {data set: {dice, iou, pixel_error: CE + DL minus CE, mean over the last ten
    epochs}}; where its sign is another than after the last epoch, the text says so. ``by_chance``: `chance.table`.
    """
    named, figures = titles(judged["dataset"]), figure_numbers(judged["dataset"])
    lines = title("The verdict", study, synthetic)
    for dataset in named:
        rows = judged[judged["dataset"] == dataset].to_dict("records")
        tails = (last_epochs or {}).get(dataset, {})
        lines += [
            _untested(rows, named[dataset], tails, study) if rows[0]["seeds"] == 1 else _tested(rows, named[dataset], tails),
            "",
        ]
    papers, tested = bool(judged["paper"].notna().any()) and not synthetic, bool(judged["p"].notna().any())
    heads = ["data", "the Dice term …", "verdict", "CE + DL minus CE"]
    heads += ["95 % interval", "p (Holm)", "margin", "detectable difference, 80 % power"] if tested else []
    heads += ["n", *(["the paper"] if papers else [])]
    body = []
    for row in judged.to_dict("records"):
        verdict = f"**{row['verdict']}**" + (": one training" if row["verdict"] == "not testable" else "")
        cells = [named[row["dataset"]], row["statement"], verdict, number(row["mean"], "+")]
        numbers = [interval(row["low"], row["high"]), number(row["p"], digits=".3g"), f"{row['margin']:g}"]
        numbers.append(number(row["detectable"]))
        cells += [*(numbers if tested else []), counted(row["units"], row["unit"])]
        body.append([*cells, number(row["paper"], "+")] if papers else cells)
    lines += table(heads, body)
    lines += ["", "## These trainings on other patients or slices", ""]
    heads = ["data", "the Dice term …", "95 % interval", "p", "seeds of this sign", "figure"]
    lines += table(heads, [_of_these(row, named, figures) for row in judged.to_dict("records")])
    by_chance = pd.DataFrame() if by_chance is None else by_chance
    if len(by_chance):
        lines += ["", "## The paper's differences by chance", "", *_chance(by_chance)]
    lines += ["", "## How to read this", ""]
    last = max(max(numbers.values()) for numbers in figures.values())
    return "\n".join([*lines, _about(judged, papers, bool(len(by_chance)), last)])


def _tested(rows: list[dict[str, Any]], name: str, tails: dict[str, float | None]) -> str:
    """Each statement once, by its verdict."""
    seeds = rows[0]["seeds"]
    groups: dict[str, list[str]] = {}
    order = ["confirmed", "contradicted"]
    order = [*order, *(f"{verdict}{TOO_SMALL}" for verdict in order), EQUAL, "not confirmed", "not measured"]
    for row in rows:
        groups.setdefault(row["verdict"], []).append(row["statement"])
    sentences = [f"{group.capitalize()}: that the Dice term {', '.join(groups[group])}." for group in order if group in groups]
    return " ".join([f"**{name}** ({_units(rows)}, {counted(seeds, 'seed')}).", *sentences, *_turned(rows, tails)])


def _untested(rows: list[dict[str, Any]], name: str, tails: dict[str, float | None], study: str) -> str:
    """What was seen, and what to do."""
    dice = rows[0]["mean"]
    seen = f"{'higher' if dice > 0 else 'lower'} by {abs(dice):.2g} foreground Dice" if dice else "equal in foreground Dice"
    sentences = [f"**{name}** ({_units(rows)}). One training a loss: nothing can be confirmed."]
    sentences += [f"Here CE + DL is {seen}; add seeds to `{study}.seeds`.", *_turned(rows, tails)]
    if lacking := [row["statement"] for row in rows if row["verdict"] == "not measured"]:
        sentences.append(f"Not measured: that the Dice term {', '.join(lacking)}.")
    return " ".join(sentences)


def _units(rows: list[dict[str, Any]]) -> str:
    return counted(max(row["units"] for row in rows), rows[0]["unit"])


def _turned(rows: list[dict[str, Any]], tails: dict[str, float | None]) -> list[str]:
    """A sentence, where the mean over the last ten epochs has another sign than the last epoch."""
    turned = [row["measure"] for row in rows if row["mean"] * (tails.get(row["measure"]) or 0) < 0]
    changes = ", ".join(f"{_DIFFERENCES[measure]} {tails[measure]:+.2g}" for measure in turned)
    return [f"Over the last ten epochs the difference has the other sign: {changes}."] if turned else []


def _of_these(row: dict[str, Any], named: dict[str, str], figures: dict[str, dict[str, int]]) -> list[str]:
    figure = str(figures[row["dataset"]][row["measure"]])
    tested = [interval(row["boot_low"], row["boot_high"]), number(row["p_units"], digits=".3g")]
    return [named[row["dataset"]], row["statement"], *tested, f"{row['agreeing']} of {row['seeds']}", figure]


def _chance(by_chance: pd.DataFrame) -> list[str]:
    """A row a data set and metric, a column a readout."""
    named = titles(by_chance["dataset"])
    readouts = list(dict.fromkeys(by_chance["readout"]))
    rows = []
    for (dataset, metric), group in by_chance.groupby(["dataset", "metric"], sort=False):
        cells = [named[dataset], METRIC_TITLES[metric], number(group["paper"].iloc[0], "+")]
        for row in group.to_dict("records"):
            cells.append(f"{row['chance']:.0%} ({row['low']:.0%} to {row['high']:.0%})" if row["seeds"] > 1 else "–")
        rows.append(cells)
    return table(["data", "metric", "the paper, as printed", *readouts], rows)


def _about(judged: pd.DataFrame, papers: bool, chance: bool, last: int) -> str:
    open_ = [name for dataset, name in titles(judged["dataset"]).items() if dataset in UNDETERMINED]
    undetermined = f" The average of its {' and '.join(open_)} row is undetermined: as printed." if open_ else ""
    paper = _ABOUT_PAPER.format(undetermined=undetermined) if papers else ""
    return wrapped(_ABOUT.format(paper=paper, chance=_ABOUT_CHANCE if chance else "", last=last)) + "\n"
