"""Table 1: ours beside the paper's, as numbers with stable keys, as CSV and as Markdown.

The keys of `metrics.json`, for each data set and arm (`acdc.ce_dl.…`): `dice`, `iou`, `pixel_error` in the paper's
convention (the mean over classes including the background); the same three under `foreground`; `last_epochs` with mean,
standard deviation and n over the last 10 epochs, per convention; `paper` as printed and `minus_paper`, ours less it. For
each data set, `ce_dl_minus_ce` holds what the Dice term changed, per convention. A value that does not exist is null.
"""

import math
from dataclasses import dataclass

import pandas as pd

from cedice.errors import CediceError
from cedice.evaluation import pooled_headline
from cedice.metrics import CONVENTIONS, METRICS
from cedice.paper import TABLE_1
from cedice.params import ARMS, DATASETS

LAST_EPOCHS = 10
DATASET_TITLES = {"covid19": "COVID-19", "acdc": "ACDC"}  # in the paper's order
METRIC_TITLES = {"dice": "Dice", "iou": "IoU", "pixel_error": "Pixel error"}
_CONVENTION_TITLES = {
    "with_background": "ours, including background",
    "foreground": "ours, foreground only",
}
_AGREEMENT = 2e-3  # evaluation on another device turns a few pixels in a thousand, another training many more


@dataclass(frozen=True)
class Run:
    """What is kept of one trained arm: its counts table, its history, its run record."""

    counts: pd.DataFrame
    history: pd.DataFrame
    record: dict[str, object]


Runs = dict[tuple[str, str], Run]  # by (data set, arm)


def metrics(runs: Runs) -> dict[str, dict]:
    """The content of `metrics.json`; CediceError where a history and its counts are of different trainings."""
    found = {}
    for dataset in DATASETS:
        values = {arm: pooled_headline(runs[dataset, arm].counts) for arm in ARMS}
        found[dataset] = {arm: _arm(runs[dataset, arm], values[arm], dataset, arm) for arm in ARMS}
        found[dataset]["ce_dl_minus_ce"] = {
            convention: {
                metric: _number(values["ce_dl"][convention][metric] - values["ce"][convention][metric]) for metric in METRICS
            }
            for convention in CONVENTIONS
        }
    return found


def _arm(run: Run, values: dict[str, dict[str, float]], dataset: str, arm: str) -> dict[str, object]:
    last, tail, paper = run.history.iloc[-1], run.history.tail(LAST_EPOCHS), TABLE_1[dataset][arm]
    for convention in CONVENTIONS:
        for metric in METRICS:
            ours, logged = values[convention][metric], last[f"{metric}_{convention}"]
            if math.isnan(ours) != math.isnan(logged) or abs(ours - logged) > _AGREEMENT:
                raise CediceError(
                    f"{dataset} {arm}: {metric} ({convention}) is {ours:.4f} by the counts and {logged:.4f} by the last epoch "
                    "of the history; they are of different trainings: run the train and evaluate stages again"
                )
    return {
        **{metric: _number(values["with_background"][metric]) for metric in METRICS},
        "foreground": {metric: _number(values["foreground"][metric]) for metric in METRICS},
        "last_epochs": {
            convention: {metric: _spread(tail[f"{metric}_{convention}"]) for metric in METRICS} for convention in CONVENTIONS
        },
        "paper": paper,
        "minus_paper": {metric: _number(values["with_background"][metric] - paper[metric]) for metric in METRICS},
    }


def _spread(values: pd.Series) -> dict[str, float | int | None]:
    return {"mean": _number(values.mean()), "std": _number(values.std(ddof=1)), "n": int(values.count())}


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(float(value), 6)


def csv_rows(found: dict[str, dict]) -> pd.DataFrame:
    """Table 1 with one row per data set, arm, convention and metric: value, the last epochs, paper, difference, direction.

    ``paper`` stands beside the convention that it is held against only; ``direction`` compares CE + DL with CE."""
    rows = []
    for dataset in DATASET_TITLES:
        for arm in ARMS:
            for convention in CONVENTIONS:
                for metric in METRICS:
                    ours = found[dataset][arm]
                    headline = convention == "with_background"
                    rows.append(
                        {
                            "dataset": dataset,
                            "loss": arm,
                            "convention": convention,
                            "metric": metric,
                            "value": _value(found, dataset, arm, convention, metric),
                            **{f"last_epochs_{key}": value for key, value in ours["last_epochs"][convention][metric].items()},
                            "paper": ours["paper"][metric] if headline else None,
                            "minus_paper": ours["minus_paper"][metric] if headline else None,
                            "direction": _arrow(found, dataset, convention, metric) if arm == "ce_dl" else "",
                        }
                    )
    return pd.DataFrame(rows)


def markdown(found: dict[str, dict], runs: Runs, study: str, synthetic: bool, alpha: float) -> str:
    """Table 1 for people: the paper's rows, ours in both conventions, the last epochs, the differences, and where from."""
    names = {"ce": "CE", "ce_dl": "CE + DL" if alpha == 1 else f"CE + {alpha:g} · DL"}
    lines = [f"# Table 1, study `{study}`", ""]
    if synthetic:
        lines += [
            "> **Synthetic data.** These images are generated phantoms, written in the layouts of ACDC and COVID-SemiSeg.",
            "> The numbers show that the pipeline works; they are **not comparable** with the paper's rows.",
            "",
        ]
    heads = [f"{title} {metric}" for title in DATASET_TITLES.values() for metric in METRIC_TITLES.values()]
    lines += _row("average", "loss", *heads) + _row(*["---"] * (2 + len(heads)))
    for arm, name in (("ce", "CE"), ("ce_dl", "CE + DL")):
        arrows = [("↓" if metric == "pixel_error" else "↑") if arm == "ce_dl" else "" for metric in METRICS] * 2
        cells = [TABLE_1[dataset][arm][metric] for dataset in DATASET_TITLES for metric in METRICS]
        lines += _row("the paper", name, *(f"{cell:.4f}{arrow}" for cell, arrow in zip(cells, arrows, strict=True)))
    for convention, title in _CONVENTION_TITLES.items():
        for arm, name in names.items():
            cells = []
            for dataset in DATASET_TITLES:
                for metric in METRICS:
                    arrow = _arrow(found, dataset, convention, metric) if arm == "ce_dl" else ""
                    cells.append(_text(_value(found, dataset, arm, convention, metric)) + arrow)
            lines += _row(title, name, *cells)
    lines += [
        "",
        "Each of our rows is one training (one seed), after its last epoch: counts pooled over the validation set per class,",
        "then the mean over classes, with the background (the paper's convention, as far as its numbers reveal it) or without.",
        "Pixel error is the same in both. ↑ and ↓ say whether CE + DL lies above or below CE, = that four digits do not",
        "differ: higher is better for Dice and IoU, lower for pixel error. A difference below the spread of the next table is",
        "no finding.",
        "",
    ]
    lines += _last_epochs(found, names) + _differences(found, names) + _provenance(runs, names)
    return "\n".join(lines) + "\n"


def _last_epochs(found: dict[str, dict], names: dict[str, str]) -> list[str]:
    heads = [f"{title} {metric}" for title in DATASET_TITLES.values() for metric in METRIC_TITLES.values()]
    lines = [f"## The last {LAST_EPOCHS} epochs: mean ± standard deviation", ""]
    lines += _row("average", "loss", *heads) + _row(*["---"] * (2 + len(heads)))
    for convention in CONVENTIONS:
        for arm, name in names.items():
            spreads = [
                found[dataset][arm]["last_epochs"][convention][metric] for dataset in DATASET_TITLES for metric in METRICS
            ]
            lines += _row(
                _CONVENTION_TITLES[convention],
                name,
                *(f"{_text(spread['mean'])} ± {_text(spread['std'])}" for spread in spreads),
            )
    return [*lines, ""]


def _differences(found: dict[str, dict], names: dict[str, str]) -> list[str]:
    lines = ["## Ours less the paper's, including background", ""]
    lines += _row("loss", *(f"{title} {metric}" for title in DATASET_TITLES.values() for metric in METRIC_TITLES.values()))
    lines += _row(*["---"] * 7)
    for arm, name in names.items():
        cells = [found[dataset][arm]["minus_paper"][metric] for dataset in DATASET_TITLES for metric in METRICS]
        lines += _row(name, *(_text(cell, sign="+") for cell in cells))
    return [*lines, ""]


def _provenance(runs: Runs, names: dict[str, str]) -> list[str]:
    lines = ["## Where the numbers are from", ""]
    heads = "data", "loss", "validation set", "channels", "epochs", "device", "precision", "torch", "training time", "revision"
    lines += _row(*heads) + _row(*["---"] * len(heads))
    for dataset, title in DATASET_TITLES.items():
        for arm, name in names.items():
            run = runs[dataset, arm]
            record, minutes = run.record, run.record["wall_seconds"] / 60
            versions, revision = record["versions"], str(record["revision"])
            lines += _row(
                title,
                name,
                _validation_set(run.counts),
                str(record["settings"]["base_channels"]),
                str(len(run.history)),
                str(record["device"]),
                str(record["settings"]["autocast"]),
                versions["torch"],
                f"{minutes:.1f} min",
                f"`{revision[:10]}{'+changes' if revision.endswith('+changes') else ''}`",
            )
    return lines


def _validation_set(counts: pd.DataFrame) -> str:
    slices, patients = counts["slice"].nunique(), counts["patient"].nunique()
    return f"{slices} slices, {f'{patients} patients' if patients < slices else 'patients unknown'}"


def _value(found: dict[str, dict], dataset: str, arm: str, convention: str, metric: str) -> float | None:
    values = found[dataset][arm]
    return (values if convention == "with_background" else values[convention])[metric]


def _arrow(found: dict[str, dict], dataset: str, convention: str, metric: str) -> str:
    change = found[dataset]["ce_dl_minus_ce"][convention][metric]
    if change is None:
        return "?"
    return "=" if round(change, 4) == 0 else "↑" if change > 0 else "↓"


def _text(value: float | None, sign: str = "") -> str:
    return "–" if value is None else f"{value:{sign}.4f}"


def _row(*cells: str) -> list[str]:
    return ["| " + " | ".join(cells) + " |"]
