"""The parts of the verdict that the paper does not ask for: what experts do, and what folds assume."""

import math
from typing import Any

from cedice.analysis.nested import OVERLAP
from cedice.analysis.statistics import ALIKE, SLICES_A_PATIENT, clustered_error, p_values
from cedice.paper import titles
from cedice.reporting.markdown import counted, interval, number, table, wrapped

_BEYOND = """What theory, or the paper's claim, predicts of questions that the paper does not ask: calibration (20 bins; of a
patient's images together, and of single images where these are not the units), volumes, marks on slices without the structure,
which the verdict's borders leave out, ejection fraction, surface Dice and HD95 of volumes. Confirmed: the corrected p is below
0.05, and the sign is the predicted one; Holm's correction is among these rows alone, that of the last epochs' mean among its
own. `cedice.analysis.beyond` has the definitions, and where the predictions are from."""
_NESTED = """Patients are nested in trainings: each training validates the patients of one fold. What decides is Student's t of
the folds' means, with one degree of freedom fewer than folds; it is exact whatever folds and trainings add. A test over all
patients together would take those who share a training for independent. Two more p, uncorrected as the first is here: with 1.5
times the standard error, since the folds' trainings share most of their patients; and, with two trainings a fold or more, as if
folds added nothing."""
_CLUSTERED = f"""The patients of these slices are unknown, and slices of one patient are alike: the tests above call too many
differences. With {SLICES_A_PATIENT} slices a patient and an intraclass correlation of {ALIKE} of their differences, which are
assumptions, a test at 5 % would call 7 to 13 % of equal losses different (`python benchmarks/false_alarms.py`). Here the
standard error is widened accordingly; p is before Holm's correction in both columns."""


def beyond(asked: list[dict[str, Any]]) -> list[str]:
    """The lines of a section; ``asked``: the rows of `analysis.beyond.judge`. No lines where nothing was measured."""
    if not asked:
        return []
    named = titles(row["dataset"] for row in asked)
    heads = ["data", "the Dice term …", "verdict", "CE + DL minus CE (CE → CE + DL)"]
    heads += ["95 % interval", "p (Holm)", "detectable difference", "n"]
    rows = []
    for row in asked:
        cells = [named[row["dataset"]], row["statement"], f"**{row['verdict']}**", difference(row)]
        cells += [interval(row["low"], row["high"]), number(row["p"], digits=".3g"), number(row["detectable"]), units(row)]
        rows.append(cells)
    return ["", "## Beyond the paper", "", wrapped(_BEYOND), "", *table(heads, rows)]


def nested(judged: list[dict[str, Any]]) -> list[str]:
    """The lines of a section on those of the verdict's rows whose patients are nested in trainings; no lines without any."""
    rows = [row for row in judged if _folds(row)]
    if not rows:
        return []
    named = titles(row["dataset"] for row in rows)
    heads = ["data", "the Dice term …", "standard error", "degrees of freedom", "p by folds"]
    heads += ["sensitivity: 95 % interval, 1.5 standard errors", "p, 1.5 standard errors", "p, as if folds added nothing"]
    body = []
    for row in rows:
        p, _ = p_values(row["mean"], row["error"], row["freedom"], row["margin"])
        cells = [number(row["error"], digits=".5f"), number(row["freedom"], digits=".0f"), number(p, digits=".3g")]
        cells.append(interval(*(row["mean"] + OVERLAP * (row[end] - row["mean"]) for end in ("low", "high"))))
        cells += [number(row[name], digits=".3g") for name in ("p_overlap", "p_alike")]
        body.append([named[row["dataset"]], row["statement"], *cells])
    return ["", "## Folds", "", wrapped(_NESTED), "", *table(heads, body)]


def clustered(judged: list[dict[str, Any]]) -> list[str]:
    """The lines of a section on those of the verdict's rows whose slices may be of the same patients; no lines without any."""
    rows = [row for row in judged if row["unit"] == "slice" and not _folds(row) and not math.isnan(row["p"])]
    if not rows:
        return []
    named, body = titles(row["dataset"] for row in rows), []
    for row in rows:
        tested = (row["error"], row["freedom"]), clustered_error(row["error"], row["freedom"], row["units"])
        ps = [p_values(row["mean"], error, freedom, row["margin"])[0] for error, freedom in tested]
        cells = [named[row["dataset"]], row["statement"], number(row["mean"], "+")]
        body.append([*cells, *(number(p, digits=".2g") for p in ps)])
    heads = ["data", "the Dice term …", "CE + DL minus CE", "p", "p, if slices come from fewer patients"]
    return ["", "## If slices of one patient are alike", "", wrapped(_CLUSTERED), "", *table(heads, body)]


def validated(named: dict[str, str], folds: dict[str, int]) -> str:
    """A sentence for Table 1, with a space before it, on the data sets that have ``folds``; empty where none has."""
    names = [name for dataset, name in named.items() if folds[dataset] > 1]
    if not names:
        return ""
    return (
        f" On {' and '.join(names)} each training validates one fold of the patients: the standard deviation is over other "
        f"patients too, and the verdict compares the folds' means, with {max(folds.values()) - 1} degrees of freedom."
    )


def difference(row: dict[str, Any]) -> str:
    """ "+0.0086 (0.8897 → 0.8983)", with CE and with CE + DL; "–" where it is not measured."""
    return "–" if math.isnan(row["mean"]) else f"{number(row['mean'], '+')} ({number(row['ce'])} → {number(row['ce_dl'])})"


def units(row: dict[str, Any]) -> str:
    """ "20 patients", or "100 patients in 5 folds"."""
    folds = _folds(row)
    return counted(row["units"], row["unit"]) + (f" in {counted(folds, 'fold')}" if folds else "")


def _folds(row: dict[str, Any]) -> int:
    """Of a row of a verdict; 0 where its patients are crossed with trainings."""
    folds = row.get("folds", math.nan)
    return 0 if math.isnan(folds) else int(folds)
