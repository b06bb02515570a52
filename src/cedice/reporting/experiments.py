"""What the kept experiments say, for people: the effect of α, leakage, and what else was tried."""

from typing import NamedTuple

import pandas as pd

from cedice.analysis.experiments import Experiment
from cedice.analysis.response import ALPHA, SPLIT
from cedice.evaluation.runs import Run, decisive, values
from cedice.paper import (
    DICE_ALONE,
    LOSS_TITLES,
    METRIC_TITLES,
    READOUT_TITLES,
    alpha_title,
    titles,
)
from cedice.paths import READOUTS
from cedice.reporting.markdown import interval, networks, number, of_validated, spread, table, title, wrapped

_ABOUT = """Each is a DVC experiment kept under `experiments/`, with its parameters and the hashes of code, data and results
that DVC recorded; the gate asks DVC whether they are up to date.
"""
_ABOUT_ALPHA = f"""Mean ± standard deviation over the seeds of a row. The differences are of the seeds that every α has
({{shared}}), so that one α is compared with another on the same seeds: "minus α = 0" is foreground Dice
at the end minus that of α = 0, patient by patient (slice by slice where patients are unknown). Interval and
p are of the test that decides the verdict, over other trainings and other patients; p is not corrected. One
seed has neither. "Last 10 epochs minus α = 0"
is the difference of the column "last 10 epochs", pooled over the validation set: where it has the other
sign, not even the sign is settled. Dice alone is α = {DICE_ALONE:,.0f}: CE then adds a millionth to the
gradient, whose scale Adam ignores.

![The effect of α](response.png)
"""
_ABOUT_LEAKAGE = """The same study split by slice: every fifth slice validates, so that its neighbours in the same volume were
trained on. Compared on the slices alone that validate by both splits, since others are easier or harder; counts pooled over
these, on the same seeds, foreground only. On COVID-19 the split by slice also trains on four fifths of the slices instead of
the official half. "Spread": standard deviation over all seeds by patient, to hold the gain against."""
_ABOUT_OTHERS = """At the end; † where the network then predicts background only.
"""
_OTHER_COLUMNS = {"Dice": "dice_with_background", "foreground Dice": "dice_foreground", "pixel error": "pixel_error_foreground"}


class Tried(NamedTuple):
    """What was tried, of one network: `response.response`, `response.leakage`, and the experiments."""

    responses: pd.DataFrame
    leaked: pd.DataFrame
    experiments: list[Experiment]


def markdown(by_readout: dict[str, Tried], study: str, synthetic: bool) -> str:
    """All three for people: first of the network on which the verdict rests, then of the other."""
    lines = [*title("Experiments", study, synthetic), _ABOUT, wrapped(networks(by_readout)), ""]
    for readout in sorted(by_readout, key=READOUTS.index, reverse=True):
        tried = by_readout[readout]
        first = readout == decisive(by_readout)
        named = f", {READOUT_TITLES[readout]}" if len(by_readout) > 1 else ""
        lines += [f"## The effect of α{named}", "", *([_ABOUT_ALPHA.format(shared=_shared(tried.responses))] if first else [])]
        lines += _alphas(tried.responses)
        if len(tried.leaked):
            lines += ["", f"## What a split by slice gains{named}", "", *([wrapped(_ABOUT_LEAKAGE), ""] if first else [])]
            lines += _leakage(tried.leaked)
        others = [each for each in tried.experiments if list(each.changes) not in ([ALPHA], [f"{study}.{SPLIT}"])]
        if others:
            lines += ["", f"## Others{named}", "", *([_ABOUT_OTHERS] if first else []), *_others(others)]
        lines.append("")
    return "\n".join(lines)


def _shared(responses: pd.DataFrame) -> str:
    """The seeds on which every α is compared."""
    named = titles(responses["dataset"])
    shared = {
        dataset: group["shared"].iloc[0].replace(" ", ", ") for dataset, group in responses.groupby("dataset", sort=False)
    }
    alike = len(set(shared.values())) == 1
    return f"seed {next(iter(shared.values()))}" if alike else "; ".join(f"{named[name]}: {of}" for name, of in shared.items())


def _alphas(responses: pd.DataFrame) -> list[str]:
    named, rows = titles(responses["dataset"]), []
    for row in responses.to_dict("records"):
        means = [
            spread(row[f"{name}_mean"], row[f"{name}_std"]) for name in ("dice", "foreground", "last_epochs", "pixel_error")
        ]
        differences = [number(row["minus_zero"], "+"), interval(row["low"], row["high"]), number(row["p"], digits=".2g")]
        differences += [number(row["last_epochs_minus_zero"], "+")]
        rows.append([named[row["dataset"]], alpha_title(row["alpha"]), str(row["seeds"]), *means, *differences])
    heads = ["data", "α", "seeds", "Dice", "foreground Dice", "last 10 epochs", "pixel error"]
    heads += ["minus α = 0", "95 % interval", "p", "last 10 epochs minus α = 0"]
    return table(heads, rows)


def _leakage(leaked: pd.DataFrame) -> list[str]:
    named = titles(leaked["dataset"])
    rows = []
    for row in leaked.to_dict("records"):
        cells = [
            named[row["dataset"]],
            LOSS_TITLES[row["loss"]],
            METRIC_TITLES[row["metric"]],
            str(row["seeds"]),
            str(row["slices"]),
        ]
        cells += [number(row["by_patient"]), number(row["by_slice"]), number(row["gained"], "+")]
        rows.append([*cells, number(row["spread"])])
    return table(["data", "loss", "metric", "seeds", "shared slices", "by patient", "by slice", "gained", "spread"], rows)


def _others(others: list[Experiment]) -> list[str]:
    rows = []
    for experiment in others:
        changes = ", ".join(f"`{key}: {value}`" for key, value in experiment.changes.items())
        for (dataset, loss, seed), run in experiment.runs.items():
            keys = [experiment.name, changes, titles([dataset])[dataset], LOSS_TITLES[loss], str(seed)]
            rows.append([*keys, *_trained(run, f"{experiment.name} {dataset} {loss} seed {seed}")])
    return table(["experiment", "changes", "data", "loss", "seed", "epochs", "of these collapsed", *_OTHER_COLUMNS], rows)


def _trained(run: Run, name: str) -> list[str]:
    scores, collapsed = values(run, name), run.history["collapsed"]
    mark = "†" if collapsed.iloc[-1] else ""
    cells = [f"{number(scores[column])}{mark}" for column in _OTHER_COLUMNS.values()]
    epochs = run.history["epoch"][collapsed == 1]
    extent = f" ({epochs.min()}–{epochs.max()})" if len(epochs) else ""
    return [str(run.epochs), of_validated(len(epochs), run) + extent, *cells]
