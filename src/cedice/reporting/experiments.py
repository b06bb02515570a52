"""What the kept experiments say, for people: the response to α, leakage, and what else was tried."""

import math

import pandas as pd

from cedice.analysis.experiments import Experiment
from cedice.analysis.response import ALPHA, SPLIT
from cedice.evaluation.runs import Run, values
from cedice.paper import DICE_ALONE, LOSS_TITLES, METRIC_TITLES, alpha_title, titles

_ABOUT = """Each is a DVC experiment kept under `experiments/`, with its parameters and the hashes of code, data and results
that DVC recorded; the gate asks DVC whether they are up to date.
"""
_ABOUT_RESPONSE = f"""## Response to α

Mean ± standard deviation over the seeds. "more": foreground Dice less that of α = 0, patient by patient (slice by slice where
patients are unknown) on the same seeds, with the 95 % interval over patients and seeds; of a single seed it says
nothing about seeds. Dice alone is α = {DICE_ALONE:.0f}: CE then adds a millionth to the gradient, whose scale Adam ignores.

![Response to α](response.png)
"""
_ABOUT_LEAKAGE = """## What a split by slice gains

The same study split by slice: every fifth slice validates, so that its neighbours in the same volume were trained on. Including
background, on the same seeds; "spread": standard deviation over all seeds of the honest split, to hold the gain against; "gap
explained": what is gained, as a share of the distance from the honest split to the paper, where that is more than twice the
spread. On COVID-19 the split by slice also
trains on four fifths of the slices instead of the official half, so there the gain is not leakage alone.
"""
_ABOUT_OTHERS = """## Others

After the last epoch; † where the network then predicts background only.
"""


def markdown(responses: pd.DataFrame, leaked: pd.DataFrame, experiments: list[Experiment], study: str) -> str:
    """All three for people."""
    lines = [f"# Experiments, study `{study}`", "", _ABOUT, _ABOUT_RESPONSE]
    lines += _row("data", "α", "seeds", "Dice", "foreground Dice", "last 10 epochs", "pixel error", "more", "95 % interval")
    lines += _row(*["---"] * 9)
    for row in responses.to_dict("records"):
        cells = [_spread(row, name) for name in ("dice", "foreground", "last_epochs", "pixel_error")]
        more = ["–", "–"] if math.isnan(row["more"]) else [f"{row['more']:+.4f}", f"{row['low']:+.4f} … {row['high']:+.4f}"]
        lines += _row(_title(row["dataset"]), alpha_title(row["alpha"]), str(row["seeds"]), *cells, *more)
    if len(leaked):
        lines += ["", _ABOUT_LEAKAGE]
        lines += _row(
            "data", "loss", "metric", "seeds", "by patient", "by slice", "gained", "spread", "the paper", "gap explained"
        )
        lines += _row(*["---"] * 10)
        for row in leaked.to_dict("records"):
            names = _title(row["dataset"]), LOSS_TITLES[row["loss"]], METRIC_TITLES[row["metric"]], str(row["seeds"])
            cells = [f"{row[name]:.4f}" for name in ("by_patient", "by_slice")] + [f"{row['gained']:+.4f}"]
            cells.append("–" if math.isnan(row["spread"]) else f"{row['spread']:.4f}")
            share = "–" if math.isnan(row["share"]) else f"{row['share']:.0%}"
            lines += _row(*names, *cells, f"{row['paper']:.4f}", share)
    others = [one for one in experiments if list(one.changes) not in ([ALPHA], [f"{study}.{SPLIT}"])]
    if others:
        lines += ["", _ABOUT_OTHERS]
        lines += _row("experiment", "changes", "data", "loss", "seed", "epochs", "of these collapsed", *_OTHER_COLUMNS)
        lines += _row(*["---"] * (7 + len(_OTHER_COLUMNS)))
        for one in others:
            changes = ", ".join(f"`{key}: {value}`" for key, value in one.changes.items())
            for (dataset, loss, seed), run in one.runs.items():
                keys = one.name, changes, _title(dataset), LOSS_TITLES[loss], str(seed)
                lines += _row(*keys, *_trained(run, f"{one.name} {dataset} {loss} seed {seed}"))
    return "\n".join(lines) + "\n"


def _title(dataset: str) -> str:
    return titles([dataset])[dataset]


_OTHER_COLUMNS = {"Dice": "dice_with_background", "foreground Dice": "dice_foreground", "pixel error": "pixel_error_foreground"}


def _trained(run: Run, name: str) -> list[str]:
    found, collapsed = values(run, name), run.history["collapsed"]
    mark = "†" if collapsed.iloc[-1] else ""
    cells = [f"{found[column]:.4f}{mark}" for column in _OTHER_COLUMNS.values()]
    epochs = run.history["epoch"][collapsed == 1]
    return [str(len(run.history)), f"{len(epochs)} ({epochs.min()}–{epochs.max()})" if len(epochs) else "0", *cells]


def _spread(row: dict[str, float], name: str) -> str:
    mean, std = row[f"{name}_mean"], row[f"{name}_std"]
    return f"{mean:.4f}" + ("" if math.isnan(std) else f" ± {std:.4f}")


def _row(*cells: str) -> list[str]:
    return ["| " + " | ".join(cells) + " |"]
