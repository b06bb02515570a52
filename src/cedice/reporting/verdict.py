"""The verdict for people."""

from typing import Any

import pandas as pd

from cedice.analysis.verdict import leaning
from cedice.paper import UNDETERMINED, figure_numbers, titles
from cedice.reporting.markdown import counted, interval, number, table, title, wrapped

_DIFFERENCES = {"dice": "foreground Dice", "iou": "foreground IoU", "pixel_error": "pixel error"}
_ABOUT = """Differences patient by patient (slice by slice where patients are unknown; n of them) and seed by seed: Dice and IoU
over the foreground, pixel error, surface Dice at 2, Dice of targets below 400 pixels.
The first table asks whether other trainings would show the same on other patients: both are samples, and crossed (two-way
analysis of variance with random effects, Hillis 2007). One training a loss says nothing of others: not testable. The second
table asks it of other patients for these very trainings: bootstrap, and Wilcoxon's signed-rank. Each p is corrected by Holm
over all rows. Confirmed or contradicted: both p are below 0.05. The detectable difference would have been found with 80 %
power, so that "not confirmed" says how much could have been overlooked.{paper} Figures 4 to {last} lie under `figures/`.
"""
_ABOUT_PAPER = """ The paper's differences are of one run a row,
here in the average over the foreground: where its Table 1 includes the background (ACDC), Dice and IoU change by classes /
(classes − 1) times as much without it, if the background's own hardly changes.{undetermined}"""


def markdown(
    judged: pd.DataFrame, study: str, synthetic: bool, last_epochs: dict[str, dict[str, float | None]] | None = None
) -> str:
    """The verdict in plain words, two tables, and what their columns mean.

    ``judged``: `verdict.judge`. ``last_epochs``: {data set: {dice, iou, pixel_error: CE + DL minus CE, mean over the last ten
    epochs}}; where its sign is another than after the last epoch, the text says so.
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
    heads += ["95 % interval", "p (Holm)", "detectable difference, 80 % power"] if tested else []
    heads += ["n", *(["the paper"] if papers else [])]
    body = []
    for row in judged.to_dict("records"):
        verdict = f"**{row['verdict']}**" + (": one training" if row["verdict"] == "not testable" else "")
        cells = [named[row["dataset"]], row["statement"], verdict, number(row["mean"], "+")]
        numbers = [interval(row["low"], row["high"]), number(row["p"], digits=".3g"), number(row["detectable"])]
        cells += [*(numbers if tested else []), counted(row["units"], row["unit"])]
        body.append([*cells, number(row["paper"], "+")] if papers else cells)
    lines += table(heads, body)
    lines += ["", "## These trainings on other patients or slices", ""]
    heads = ["data", "the Dice term …", "95 % interval", "p (Holm)", "seeds of this sign", "figure"]
    lines += table(heads, [_of_these(row, named, figures) for row in judged.to_dict("records")])
    lines += ["", "## How to read this", ""]
    return "\n".join([*lines, _about(judged, papers, max(max(numbers.values()) for numbers in figures.values()))])


def _tested(rows: list[dict[str, Any]], name: str, tails: dict[str, float | None]) -> str:
    """Each statement once, by its verdict."""
    seeds = rows[0]["seeds"]
    groups: dict[str, list[str]] = {}
    agreed = {
        1: f"not confirmed, though these {seeds} trainings agree on it",
        -1: f"not confirmed, and these {seeds} trainings agree on the contrary",
    }
    order = ["confirmed", "contradicted", "not confirmed", *agreed.values(), "not measured"]
    for row in rows:
        groups.setdefault(agreed.get(leaning(row), row["verdict"]), []).append(row["statement"])
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


def _about(judged: pd.DataFrame, papers: bool, last: int) -> str:
    open_ = [name for dataset, name in titles(judged["dataset"]).items() if dataset in UNDETERMINED]
    undetermined = f" The average of its {' and '.join(open_)} row is undetermined: as printed." if open_ else ""
    paper = _ABOUT_PAPER.format(undetermined=undetermined) if papers else ""
    return wrapped(_ABOUT.format(paper=paper, last=last)) + "\n"
