"""What the kept experiments say: the response to α, what a split by slice gains, and everything else that was tried.

An experiment belongs to the first where it changes α alone, to the second where it changes the split alone.
"""

import math
from typing import Any

import numpy as np
import pandas as pd

from cedice.conventions import same_slices
from cedice.errors import CediceError
from cedice.experiments import Experiment
from cedice.metrics import METRICS
from cedice.paper import TABLE_1, titles
from cedice.params import ARMS
from cedice.statistics import paired
from cedice.summary import LAST_EPOCHS, Run, Runs, values
from cedice.tables import METRIC_TITLES
from cedice.verdict import regions

ALPHA, SPLIT = "loss.ce_dl.alpha", "split"  # the second is a key of the study
DICE_ALONE = 1e6  # CE's share of the gradient is then about 10⁻⁶, and Adam does not mind the scale of a loss


def by_alpha(base: Runs, alpha: float, experiments: list[Experiment]) -> dict[str, dict[float, dict[int, Run]]]:
    """{data set: {α ascending: {seed: training}}}; ``base`` has α = 0 in its first arm and ``alpha`` in its second."""
    found: dict[str, dict[float, dict[int, Run]]] = {}
    for (dataset, arm, seed), run in base.items():
        found.setdefault(dataset, {}).setdefault(alpha if arm == "ce_dl" else 0.0, {})[seed] = run
    for experiment in experiments:
        if list(experiment.changes) == [ALPHA]:
            for (dataset, _, seed), run in experiment.runs.items():
                found[dataset].setdefault(float(experiment.changes[ALPHA]), {})[seed] = run
    return {dataset: dict(sorted(points.items())) for dataset, points in found.items()}


def response(points: dict[str, dict[float, dict[int, Run]]]) -> pd.DataFrame:
    """One row per data set and α: dataset, alpha, seeds; mean and std over the seeds of dice (with background), foreground
    (Dice), pixel_error, and last_epochs (foreground Dice, mean over the last 10 epochs of each training); `more`, the
    foreground Dice less that of α = 0, patient by patient on the same seeds, with `low` and `high` of its 95 % interval over
    patients and seeds, and units.

    CediceError where trainings were counted on different slices, or on a single patient.
    """
    rows = []
    for dataset, by in points.items():
        same_slices({(f"α = {alpha:g}", seed): run.counts for alpha, runs in by.items() for seed, run in runs.items()}, dataset)
        for alpha, runs in by.items():
            each = pd.DataFrame(values(run, f"{dataset} α = {alpha:g} seed {seed}") for seed, run in runs.items())
            each["last_epochs"] = [run.history["dice_foreground"].tail(LAST_EPOCHS).mean() for run in runs.values()]
            columns = {
                "dice": "dice_with_background",
                "foreground": "dice_foreground",
                "pixel_error": "pixel_error_foreground",
                "last_epochs": "last_epochs",
            }
            row: dict[str, Any] = {"dataset": dataset, "alpha": alpha, "seeds": len(runs)}
            for name, column in columns.items():
                row |= {f"{name}_mean": each[column].mean(), f"{name}_std": each[column].std(ddof=1)}
            rows.append(row | _more(runs, by[0.0]) if alpha else row)
    return pd.DataFrame(rows)


def _more(runs: dict[int, Run], plain: dict[int, Run]) -> dict[str, float]:
    seeds = [seed for seed in runs if seed in plain]
    differences = np.stack([regions(runs[seed].counts)["dice"] - regions(plain[seed].counts)["dice"] for seed in seeds])
    if differences.shape[1] < 2:
        raise CediceError("one patient in the validation set; a difference with an interval needs at least two")
    found = paired(differences)
    return {"more": found.mean, "low": found.boot_low, "high": found.boot_high, "units": found.units}


def leakage(base: Runs, experiments: list[Experiment], study: str) -> pd.DataFrame:
    """One row per data set, arm and metric (with background): dataset, loss, metric, seeds; by_patient and by_slice, means over
    the same seeds; gained, the second less the first; spread, the standard deviation over all seeds by patient; paper; share,
    of the gap to the paper that this is, NaN where the gap is no more than twice the spread."""
    rows = []
    for experiment in experiments:
        if list(experiment.changes) != [f"{study}.{SPLIT}"]:
            continue
        for dataset in dict.fromkeys(dataset for dataset, _, _ in base):
            for arm in ARMS:
                seeds = [key[2] for key in experiment.runs if key[:2] == (dataset, arm) and key in base]
                both = [
                    pd.DataFrame(_of(runs, dataset, arm, seed) for seed in seeds).mean() for runs in (base, experiment.runs)
                ]
                honest_seeds = [key[2] for key in base if key[:2] == (dataset, arm)]
                every = pd.DataFrame(_of(base, dataset, arm, seed) for seed in honest_seeds)
                for metric in METRICS:
                    honest, leaky = (mean[f"{metric}_with_background"] for mean in both)
                    paper = TABLE_1[dataset][arm][metric]
                    keys = {"dataset": dataset, "loss": arm, "metric": metric, "seeds": len(seeds)}
                    found = {"by_patient": honest, "by_slice": leaky, "gained": leaky - honest}
                    spread = every[f"{metric}_with_background"].std(ddof=1)
                    gap = paper - honest
                    share = (leaky - honest) / gap if abs(gap) > 2 * spread else math.nan
                    found |= {"spread": spread, "paper": paper, "share": share}
                    rows.append(keys | found)
    return pd.DataFrame(rows)


def _of(runs: Runs, dataset: str, arm: str, seed: int) -> dict[str, float]:
    return values(runs[dataset, arm, seed], f"{dataset} {arm} seed {seed}")


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
            names = _title(row["dataset"]), _ARM_TITLES[row["loss"]], METRIC_TITLES[row["metric"]], str(row["seeds"])
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
            for (dataset, arm, seed), run in one.runs.items():
                keys = one.name, changes, _title(dataset), _ARM_TITLES[arm], str(seed)
                lines += _row(*keys, *_trained(run, f"{one.name} {dataset} {arm} seed {seed}"))
    return "\n".join(lines) + "\n"


def _title(dataset: str) -> str:
    return titles([dataset])[dataset]


_ARM_TITLES = {"ce": "CE", "ce_dl": "CE + DL"}
_OTHER_COLUMNS = {"Dice": "dice_with_background", "foreground Dice": "dice_foreground", "pixel error": "pixel_error_foreground"}


def alpha_title(alpha: float) -> str:
    """ "0.25", or "Dice alone"."""
    return "Dice alone" if alpha >= DICE_ALONE else f"{alpha:g}"


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
