"""Table 1, ours beside the paper's, from the content of `summary.json` (`cedice.analysis.table1`): as CSV and as Markdown."""

import pandas as pd

from cedice.analysis.table1 import direction, value
from cedice.evaluation.runs import LAST_EPOCHS, Run, Runs, seeds
from cedice.metrics import CONVENTIONS, METRICS
from cedice.paper import METRIC_TITLES, TABLE_1, titles

_CONVENTION_TITLES = {
    "with_background": "ours, including background",
    "foreground": "ours, foreground only",
}


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
    columns = _columns(found)
    lines += _heads(found, "average", "loss")
    if set(found) & set(TABLE_1):
        lines += _papers(columns)
    for convention, title in _CONVENTION_TITLES.items():
        for loss, name in names.items():
            cells = []
            for dataset, metric in columns:
                std = found[dataset][loss]["std"][convention][metric]
                arrow = direction(found, dataset, convention, metric) if loss == "ce_dl" else ""
                mark = "†" if found[dataset][loss]["collapsed"] else ""
                cells.append(_text(value(found, dataset, loss, convention, metric)) + _plus_minus(std) + arrow + mark)
            lines += _row(title, name, *cells)
    number = len(seeds(runs))
    each = "mean ± standard deviation of" if number > 1 else "value of"
    lines += [
        "",
        f"Each of our cells is the {each} {number} training{'s' if number > 1 else ''} (seed{'s' if number > 1 else ''} "
        f"{', '.join(map(str, seeds(runs)))}), after its last epoch: counts pooled over the",
        "validation set per class, then the mean over classes, with the background (the paper's convention, as far as its",
        "numbers reveal it) or without. Pixel error is the same in both. ↑ and ↓ say whether CE + DL lies above or below CE,",
        "= that four digits do not differ: higher is better for Dice and IoU, lower for pixel error. A difference within the",
        "spreads is no finding.",
        "",
    ]
    lines += _collapsed(found, names) + _last_epochs(found, names) + _differences(found, names) + _provenance(runs, names)
    return "\n".join(lines) + "\n"


def _columns(found: dict[str, dict]) -> list[tuple[str, str]]:
    return [(dataset, metric) for dataset in titles(found) for metric in METRICS]


def _heads(found: dict[str, dict], *keys: str) -> list[str]:
    heads = [*keys, *(f"{title} {METRIC_TITLES[metric]}" for title in titles(found).values() for metric in METRICS)]
    return _row(*heads) + _row(*["---"] * len(heads))


def _papers(columns: list[tuple[str, str]]) -> list[str]:
    lines = []
    for loss, name in (("ce", "CE"), ("ce_dl", "CE + DL")):
        cells = []
        for dataset, metric in columns:
            arrow = ("↓" if metric == "pixel_error" else "↑") if loss == "ce_dl" else ""
            cells.append(f"{TABLE_1[dataset][loss][metric]:.4f}{arrow}")
        lines += _row("the paper", name, *cells)
    return lines


def _collapsed(found: dict[str, dict], names: dict[str, str]) -> list[str]:
    lines = []
    for dataset, title in titles(found).items():
        for loss, name in names.items():
            if number := found[dataset][loss]["collapsed"]:
                lines += [
                    f"† **Collapsed**: {title}, {name}: in {number} of {found[dataset][loss]['seeds']} trainings the network",
                    "predicts background only for the whole validation set.",
                    "",
                ]
    return lines


def _last_epochs(found: dict[str, dict], names: dict[str, str]) -> list[str]:
    lines = [
        f"## The last {LAST_EPOCHS} epochs",
        "",
        f"Mean over the last {LAST_EPOCHS} epochs, ± standard deviation over the seeds where there are several; in brackets",
        "the standard deviation from epoch to epoch within a training.",
        "",
    ]
    lines += _heads(found, "average", "loss")
    for convention in CONVENTIONS:
        for loss, name in names.items():
            spreads = [found[dataset][loss]["last_epochs"][convention][metric] for dataset, metric in _columns(found)]
            cells = [f"{_text(s['mean'])}{_plus_minus(s['std'])} ({_text(s['epoch_std'])})" for s in spreads]
            lines += _row(_CONVENTION_TITLES[convention], name, *cells)
    return [*lines, ""]


def _differences(found: dict[str, dict], names: dict[str, str]) -> list[str]:
    lines = ["## Differences, including background", ""]
    columns = _columns(found)
    lines += _heads(found, "difference")
    for loss, name in names.items() if set(found) & set(TABLE_1) else ():
        cells = [found[dataset][loss]["minus_paper"][metric] for dataset, metric in columns]
        lines += _row(f"{name}: ours less the paper's", *(_text(cell, sign="+") for cell in cells))
    for key, epochs in (("ce_dl_minus_ce", ""), ("ce_dl_minus_ce_last_epochs", f", mean of the last {LAST_EPOCHS} epochs")):
        changes = [found[dataset][key]["with_background"][metric] for dataset, metric in columns]
        cells = [_text(change["mean"], sign="+") + _plus_minus(change["std"]) for change in changes]
        lines += _row(f"ours: {names['ce_dl']} less {names['ce']}, seed by seed{epochs}", *cells)
    return [*lines, ""]


def _provenance(runs: Runs, names: dict[str, str]) -> list[str]:
    lines = ["## Where the numbers are from", ""]
    heads = [
        "data",
        "loss",
        "seed",
        "validation set",
        "channels",
        "norm",
        "epochs",
        "of these collapsed",
        "device",
        "precision",
    ]
    heads += ["torch", "training time", "peak memory", "revision"]
    lines += _row(*heads) + _row(*["---"] * len(heads))
    for dataset, title in titles(dataset for dataset, _, _ in runs).items():
        for loss, name in names.items():
            for seed in seeds(runs):
                lines += _row(title, name, str(seed), *_run(runs[dataset, loss, seed]))
    return lines


def _run(run: Run) -> list[str]:
    record, settings, revision = run.record, run.record["settings"], str(run.record["revision"])
    return [
        _validation_set(run.counts),
        str(settings["base_channels"]),
        str(settings["norm"]),
        str(len(run.history)),
        str(int(run.history["collapsed"].sum())),
        str(record["device"]),
        str(settings["precision"]),
        record["versions"]["torch"],
        f"{record['wall_seconds'] / 60:.1f} min",
        ", ".join(f"{value / 1000:.1f} GB {kind}" for kind, value in record["peak_memory_mb"].items()),
        f"`{revision[:10]}{'+changes' if revision.endswith('+changes') else ''}`",
    ]


def _validation_set(counts: pd.DataFrame) -> str:
    slices, patients = counts["slice"].nunique(), counts["patient"].nunique()
    return f"{slices} slices, {f'{patients} patients' if patients < slices else 'patients unknown'}"


def _text(value: float | None, sign: str = "") -> str:
    return "–" if value is None else f"{value:{sign}.4f}"


def _plus_minus(std: float | None) -> str:
    return "" if std is None else f" ± {std:.4f}"


def _row(*cells: str) -> list[str]:
    return ["| " + " | ".join(cells) + " |"]
