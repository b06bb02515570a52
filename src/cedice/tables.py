"""Table 1, ours beside the paper's, from the content of `metrics.json` (`cedice.summary`): as CSV and as Markdown."""

import pandas as pd

from cedice.metrics import CONVENTIONS, METRICS
from cedice.paper import TABLE_1, titles
from cedice.params import ARMS
from cedice.summary import LAST_EPOCHS, Run, Runs, seeds

METRIC_TITLES = {"dice": "Dice", "iou": "IoU", "pixel_error": "Pixel error"}
_CONVENTION_TITLES = {
    "with_background": "ours, including background",
    "foreground": "ours, foreground only",
}


def csv_rows(found: dict[str, dict]) -> pd.DataFrame:
    """Table 1 with one row per data set, arm, convention and metric: mean, std and n over the seeds, the last epochs, paper,
    difference, direction.

    ``paper`` stands beside the convention that it is held against only; ``direction`` compares CE + DL with CE."""
    rows = []
    for dataset in titles(found):
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
                            "mean": _value(found, dataset, arm, convention, metric),
                            "std": ours["std"][convention][metric],
                            "seeds": ours["seeds"],
                            "collapsed": ours["collapsed"],
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
    columns = _columns(found)
    lines += _heads(found, "average", "loss")
    if set(found) & set(TABLE_1):
        lines += _papers(columns)
    for convention, title in _CONVENTION_TITLES.items():
        for arm, name in names.items():
            cells = []
            for dataset, metric in columns:
                std = found[dataset][arm]["std"][convention][metric]
                arrow = _arrow(found, dataset, convention, metric) if arm == "ce_dl" else ""
                mark = "†" if found[dataset][arm]["collapsed"] else ""
                cells.append(_text(_value(found, dataset, arm, convention, metric)) + _plus_minus(std) + arrow + mark)
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
    for arm, name in (("ce", "CE"), ("ce_dl", "CE + DL")):
        cells = []
        for dataset, metric in columns:
            arrow = ("↓" if metric == "pixel_error" else "↑") if arm == "ce_dl" else ""
            cells.append(f"{TABLE_1[dataset][arm][metric]:.4f}{arrow}")
        lines += _row("the paper", name, *cells)
    return lines


def _collapsed(found: dict[str, dict], names: dict[str, str]) -> list[str]:
    lines = []
    for dataset, title in titles(found).items():
        for arm, name in names.items():
            if number := found[dataset][arm]["collapsed"]:
                lines += [
                    f"† **Collapsed**: {title}, {name}: in {number} of {found[dataset][arm]['seeds']} trainings the network",
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
        for arm, name in names.items():
            spreads = [found[dataset][arm]["last_epochs"][convention][metric] for dataset, metric in _columns(found)]
            cells = [f"{_text(s['mean'])}{_plus_minus(s['std'])} ({_text(s['epoch_std'])})" for s in spreads]
            lines += _row(_CONVENTION_TITLES[convention], name, *cells)
    return [*lines, ""]


def _differences(found: dict[str, dict], names: dict[str, str]) -> list[str]:
    lines = ["## Differences, including background", ""]
    columns = _columns(found)
    lines += _heads(found, "difference")
    for arm, name in names.items() if set(found) & set(TABLE_1) else ():
        cells = [found[dataset][arm]["minus_paper"][metric] for dataset, metric in columns]
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
        for arm, name in names.items():
            for seed in seeds(runs):
                lines += _row(title, name, str(seed), *_run(runs[dataset, arm, seed]))
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


def _value(found: dict[str, dict], dataset: str, arm: str, convention: str, metric: str) -> float | None:
    values = found[dataset][arm]
    return (values if convention == "with_background" else values[convention])[metric]


def _arrow(found: dict[str, dict], dataset: str, convention: str, metric: str) -> str:
    change = found[dataset]["ce_dl_minus_ce"][convention][metric]["mean"]
    if change is None:
        return "?"
    return "=" if round(change, 4) == 0 else "↑" if change > 0 else "↓"


def _text(value: float | None, sign: str = "") -> str:
    return "–" if value is None else f"{value:{sign}.4f}"


def _plus_minus(std: float | None) -> str:
    return "" if std is None else f" ± {std:.4f}"


def _row(*cells: str) -> list[str]:
    return ["| " + " | ".join(cells) + " |"]
