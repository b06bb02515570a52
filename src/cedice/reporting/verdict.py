"""The verdict for people."""

import math
from collections.abc import Collection
from typing import Any

import pandas as pd

from cedice.analysis.compared import EQUAL, TOO_FEW, WITHIN
from cedice.analysis.statistics import LEVEL, limits
from cedice.analysis.verdict import SMALL, STATEMENTS
from cedice.evaluation.runs import decisive
from cedice.paper import METRIC_TITLES, UNDETERMINED, figure_numbers, titles
from cedice.reporting import decision
from cedice.reporting.beyond import beyond, clustered, difference, nested, units
from cedice.reporting.markdown import counted, interval, networks, number, table, title, untrained, wrapped
from cedice.reporting.peers import peers

_DIFFERENCES = {"dice": "foreground Dice", "iou": "foreground IoU", "pixel_error": "pixel error"}
_ABOUT = """Differences patient by patient (slice by slice where patients are unknown; n of them) and seed by seed: Dice and
IoU over the foreground, pixel error, surface Dice at 2 over the slices and classes that truly have the structure (0 where
nothing is marked; marks on slices without it have a row of their own further down), Dice of targets below {small}
pixels.{third} The first table asks whether other trainings would show the same on other patients: both are samples, and crossed
(two-way analysis of variance with random effects, Satterthwaite's degrees of freedom). One training a loss says nothing of
others: not testable.{folds} Each p is corrected by Holm within its family: Dice on every data set is primary, all else
secondary. Confirmed or contradicted: the corrected p is below 0.05. Within the margin, and no difference that matters: the 90 %
interval lies within ± the margin, a convention that `params.yaml` states; of two differences that are alike one may lie within
it and the other not. Too few to tell: neither, with fewer than three trainings a loss (or folds), or ten units. The
detectable difference would have been found with 80 % power at the level of Holm's first step, so that
"not confirmed" says how much could have been overlooked; it takes the spreads as they were measured.{paper} What
describes these very trainings on other patients or slices is a bootstrap of these (with folds, of the patients of each), and,
without folds, Wilcoxon's signed-rank test. It decides nothing, for other trainings differ.{chance} Figures 4 to {last} lie
under `figures/`.
"""
_ABOUT_FOLDS = """ Where there are folds, n counts the patients of all of them, but a training validates one fold alone: the
means of the folds are compared, by Student's t with {freedom} degrees of freedom, one fewer than folds, however many patients
and seeds there are. The section on folds shows what 1.5 times the standard error would say. The claim holds for this pool of
patients: the folds' trainings share most of them."""
_ABOUT_THIRD = """ Where more than nine in ten targets are below, as on {names}, small are those of the lowest third of the
sizes: of the validation targets, for a record has no others."""
_RESTS = """The verdict rests on the averaged one, as was decided before its numbers were known; that of the last epoch stands
beside it."""
_ABOUT_CHANCE = """ The table of differences by chance takes the spread over our seeds, in the paper's average, and says how
often one training a loss, as the paper has, would differ as much if the losses were equal, in either direction; in brackets
what the uncertainty of that spread allows."""
_ABOUT_PAPER = """ The paper's differences are of one run a row,
here in the average over the foreground: where its Table 1 includes the background (ACDC), Dice and IoU change by classes /
(classes − 1) times as much without it, if the background's own hardly changes.{undetermined}"""


LastEpochs = dict[str, dict[str, dict[str, float | None]]]  # {network: {data set: {dice, iou, pixel_error: difference}}}


def markdown(
    judged: pd.DataFrame,
    asked: pd.DataFrame,
    ruled: pd.DataFrame,
    study: str,
    synthetic: bool,
    last_epochs: LastEpochs | None = None,
    by_chance: pd.DataFrame | None = None,
    published: pd.DataFrame | None = None,
    missing: Collection[str] = (),
    rates: str = "",
) -> str:
    """The verdict in plain words, its tables, and what their columns mean.

    ``judged``, ``asked``: `verdict.judge` and `beyond.judge` of each network, with a column readout; ``ruled``:
    `decision.judge` of that on which the verdict rests. ``last_epochs``: CE + DL
    minus CE, mean over the last ten epochs; where its sign is another than at the end, the text says so.
    ``by_chance``: `chance.table`. ``published``: `analysis.peers.table` of the network on which the verdict rests.
    ``missing``: the study's data sets without a training. ``rates``: `rates.compared`.
    """
    named, figures = titles(judged["dataset"]), figure_numbers(judged["dataset"])
    readouts = list(dict.fromkeys(judged["readout"]))
    rests = decisive(readouts)
    rows, last = (judged[judged["readout"] == readout].to_dict("records") for readout in (rests, "last"))
    papers = bool(judged["paper"].notna().any()) and not synthetic
    lines = [
        *title("The verdict", study, synthetic),
        *untrained(missing),
        wrapped(f"{networks(readouts)} {_RESTS if rests != 'last' else ''}{rates}"),
        "",
    ]
    lines += _words(rows, study, last_epochs)
    beside = None if rests == "last" else {(row["dataset"], row["measure"]): row for row in last}
    lines += _judged(rows, papers, beside)
    lines += clustered(rows)
    lines += decision.section(ruled)
    lines += ["", "## These trainings on other patients or slices", ""]
    heads = ["data", "the Dice term …", "95 % interval", "p", "seeds of this sign", "figure"]
    lines += table(heads, [_of_these(row, named, figures) for row in rows])
    by_chance = pd.DataFrame() if by_chance is None else by_chance
    if len(by_chance):
        lines += ["", "## The paper's differences by chance", "", *_chance(by_chance)]
    if rests != "last":
        heading = "As the paper reads it: after the last epoch" if papers else "After the last epoch"
        lines += ["", f"## {heading}", ""]
        lines += [line.replace("**", "") for line in _words(last, study, last_epochs)] + _judged(last, papers, None)
    lines += nested(rows) + beyond(asked[asked["readout"] == rests].to_dict("records") if len(asked) else [])
    lines += peers(published) if published is not None else []
    lines += ["", "## How to read this", ""]
    figure = max(max(numbers.values()) for numbers in figures.values())
    return "\n".join([*lines, _about(judged, papers, bool(len(by_chance)), figure)])


def _words(rows: list[dict[str, Any]], study: str, last_epochs: LastEpochs | None) -> list[str]:
    """A paragraph a data set."""
    lines = []
    for dataset, name in titles(row["dataset"] for row in rows).items():
        chosen = [row for row in rows if row["dataset"] == dataset]
        tails = (last_epochs or {}).get(chosen[0]["readout"], {}).get(dataset, {})
        lines += [_untested(chosen, name, tails, study) if chosen[0]["seeds"] == 1 else _tested(chosen, name, tails), ""]
    return lines


def _judged(rows: list[dict[str, Any]], papers: bool, beside: dict[tuple[str, str], dict[str, Any]] | None) -> list[str]:
    """The table of verdicts; ``beside``: those of the last epoch, by data set and measure, for a column of their own."""
    named, tested = titles(row["dataset"] for row in rows), any(not math.isnan(row["p"]) for row in rows)
    heads = ["data", "the Dice term …", "verdict", "CE + DL minus CE (CE → CE + DL)"]
    heads += ["95 % interval (90 %)", "p (Holm)", "detectable difference, 80 % power (margin)"] if tested else []
    heads += [
        "n",
        *(["the paper"] if papers else []),
        *([] if beside is None else ["as the paper reads it: last epoch" if papers else "last epoch"]),
    ]
    body = []
    for row in rows:
        verdict = f"**{row['verdict']}**" + (": one training" if row["verdict"] == "not testable" else "")
        cells = [named[row["dataset"]], row["statement"], verdict, difference(row)]
        ends = interval(row["low"], row["high"])
        if not math.isnan(row["low"]):
            ends += f" ({interval(*limits(row['mean'], row['error'], row['freedom'], 2 * LEVEL))})"
        numbers = [ends, number(row["p"], digits=".3g"), f"{number(row['detectable'])} ({row['margin']:g})"]
        cells += [*(numbers if tested else []), units(row)]
        cells += [number(row["paper"], "+")] if papers else []
        if beside is not None:
            last = beside[row["dataset"], row["measure"]]
            cells.append(f"{number(last['mean'], '+')}, {last['verdict']}")
        body.append(cells)
    return table(heads, body)


def _tested(rows: list[dict[str, Any]], name: str, tails: dict[str, float | None]) -> str:
    """Each statement once, by its verdict."""
    seeds = rows[0]["seeds"]
    groups: dict[str, list[str]] = {}
    order = ["confirmed", "contradicted"]
    order = [*order, *(f"{verdict}{WITHIN}" for verdict in order), EQUAL, "not confirmed", TOO_FEW, "not measured"]
    for row in rows:
        groups.setdefault(row["verdict"], []).append(row["statement"])
    sentences = [f"{group.capitalize()}: that the Dice term {', '.join(groups[group])}." for group in order if group in groups]
    return " ".join(
        [f"**{name}** ({_units(rows)}, {counted(seeds, 'seed')}).", *sentences, *_influence(rows[0]), *_turned(rows, tails)]
    )


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
    return units(max(rows, key=lambda row: row["units"]))


def _influence(row: dict[str, Any]) -> list[str]:
    """A sentence, of the row of Dice."""
    if math.isnan(row["influence"]):
        return []
    one = f"{row['unit']} {row['influential']}"
    return [f"Of the difference in Dice {one} carries {row['influence']:.0%}, more than any other."]


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
    """A row a data set and metric, a column a number that is reported of a training."""
    named = titles(by_chance["dataset"])
    reported = list(dict.fromkeys(by_chance["reported"]))
    rows = []
    for (dataset, metric), group in by_chance.groupby(["dataset", "metric"], sort=False):
        cells = [named[dataset], METRIC_TITLES[metric], number(group["paper"].iloc[0], "+")]
        for row in group.to_dict("records"):
            cells.append(f"{row['chance']:.0%} ({row['low']:.0%} to {row['high']:.0%})" if row["seeds"] > 1 else "–")
        rows.append(cells)
    return table(["data", "metric", "the paper, as printed", *reported], rows)


def _about(judged: pd.DataFrame, papers: bool, chance: bool, last: int) -> str:
    open_ = [name for dataset, name in titles(judged["dataset"]).items() if dataset in UNDETERMINED]
    undetermined = f" The average of its {' and '.join(open_)} row is undetermined: as printed." if open_ else ""
    paper = _ABOUT_PAPER.format(undetermined=undetermined) if papers else ""
    folds = judged["folds"].max() if "folds" in judged else math.nan
    nested_ = "" if math.isnan(folds) else _ABOUT_FOLDS.format(freedom=int(folds) - 1)
    thirds = judged[(judged["measure"] == "small_targets") & (judged["statement"] != STATEMENTS["small_targets"][0])]
    third = _ABOUT_THIRD.format(names=" and ".join(titles(thirds["dataset"]).values())) if len(thirds) else ""
    more = {"small": SMALL, "third": third, "chance": _ABOUT_CHANCE if chance else ""}
    return wrapped(_ABOUT.format(paper=paper, folds=nested_, last=last, **more)) + "\n"
