"""Pieces of Markdown that all reports share."""

import math
import re
import textwrap
from collections.abc import Collection, Iterable, Sequence

from cedice.evaluation.runs import Run
from cedice.paper import titles

SYNTHETIC = (
    "> **Synthetic data**: generated phantoms in the layouts of ACDC and COVID-SemiSeg. The numbers show that the pipeline",
    "> works; they say nothing about the losses and are **not comparable** with the paper's.",
    "",
)
_LONG = 10_000  # of an interval with less than one degree of freedom
_MARK = re.compile(r"\s+(?=([-+*>]|#+|\d+[.)])\s)")  # the space before what Markdown takes for a mark where a line begins


def title(text: str, study: str, synthetic: bool) -> list[str]:
    """A report's first lines: its title, and the banner of a study whose data is generated."""
    return [f"# {text}, study `{study}`", "", *(SYNTHETIC if synthetic else ())]


def untrained(datasets: Collection[str]) -> list[str]:
    """What is said of the study's data sets that have no training, if there are any."""
    names = " and ".join(titles(datasets).values())
    told = f"Not trained yet: {names}. What is corrected or judged over several data sets is so over those that are here."
    return [wrapped(told), ""] if datasets else []


def of_validated(count: int, run: Run) -> str:
    """A number of epochs of those in the history: "3", or "3 of 28" where these are not all of the training."""
    return str(count) if len(run.history) == run.epochs else f"{count} of {len(run.history)}"


def networks(readouts: Iterable[str]) -> str:
    """A sentence or two on which networks a report is about."""
    if "averaged" not in readouts:
        return "The networks are those after the last epoch: these trainings are from before the averaged network was kept."
    return (
        "Two networks are read from each training: that after the last epoch (last epoch), and the average of its weights and "
        "buffers over about the last tenth of the steps (averaged)."
    )


def wrapped(text: str) -> str:
    """A paragraph in lines of the reports' width, none of which begins as a list, a heading or a quotation would."""
    held = _MARK.sub("\0", text)
    return textwrap.fill(held, 125, break_long_words=False, break_on_hyphens=False).replace("\0", " ")


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table; ValueError for a row of another length than the heads."""
    rows = list(rows)
    if wrong := [row for row in rows if len(row) != len(heads)]:
        raise ValueError(f"{len(heads)} heads and {len(wrong[0])} cells: {wrong[0]}")
    return [_line(heads), _line(["---"] * len(heads)), *map(_line, rows)]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def number(value: float | None, sign: str = "", digits: str = ".4f") -> str:
    """ "0.9000", with ``sign`` "+" "+0.9000"; "1e+12" for a number beyond 10,000, "∞"; "–" for None and NaN."""
    if value is None or _lacks(value):
        return "–"
    if math.isinf(value):
        return f"{'-' if value < 0 else sign}∞"
    return f"{value:{sign}{digits if abs(value) < _LONG else '.0e'}}"


def spread(mean: float | None, std: float | None = None, sign: str = "") -> str:
    """ "0.9000 ± 0.0100", as `number`; without the second part where there is no ``std``."""
    return number(mean, sign) + ("" if _lacks(mean) or _lacks(std) else f" ± {std:.4f}")


def interval(low: float | None, high: float | None) -> str:
    """ "-0.1000 … +0.2000"."""
    return "–" if _lacks(low) else f"{number(low, '+')} … {number(high, '+')}"


def counted(count: int, thing: str) -> str:
    """ "1 seed", "3 seeds"."""
    return f"{count} {thing}{'' if count == 1 else 's'}"


def _lacks(value: float | None) -> bool:
    return value is None or value != value  # noqa: PLR0124  (NaN)
