"""Table 1, ours beside the paper's, from the content of `summary.json` (`cedice.analysis.table1`): as Markdown, and short."""

import pandas as pd

from cedice.analysis.table1 import direction, value
from cedice.evaluation.runs import Run, Runs, seeds
from cedice.metrics import CONVENTIONS, LAST_EPOCHS, METRICS
from cedice.paper import AVERAGES, CONVENTION_TITLES, LOSS_TITLES, METRIC_TITLES, TABLE_1, UNDETERMINED, titles
from cedice.reporting.markdown import counted, number, spread, table, title, wrapped

Table = dict[str, dict]  # the content of `summary.json`
_SETTINGS = ("channels", "norm", "device", "precision", "torch", "revision")  # of a training; told once where all agree


def markdown(summary: Table, runs: Runs, study: str, synthetic: bool, alpha: float, units: dict[str, str]) -> str:
    """Table 1 for people: the paper's rows, ours in both conventions, the last epochs, the differences, and where from.

    ``units``: by data set "patient", or "slice" where patients are unknown."""
    names = _names(alpha)
    columns = _columns(summary)
    rows = _papers(columns) if set(summary) & set(TABLE_1) else []
    for convention, average in CONVENTION_TITLES.items():
        for loss, name in names.items():
            cells = [_cell(summary, dataset, loss, convention, metric) for dataset, metric in columns]
            rows.append([f"ours, {average}", name, *cells])
    lines = [
        *title("Table 1", study, synthetic),
        *table(_heads(summary, "average", "loss"), rows),
        "",
        _about(summary, runs),
        "",
    ]
    lines += _collapsed(summary, names) + _last_epochs(summary, names) + _differences(summary, names)
    return "\n".join([*lines, *_provenance(runs, names, units)]) + "\n"


def terminal(summary: Table, study: str, synthetic: bool, alpha: float) -> str:
    """Table 1 in ten lines: after the last epoch, Dice, IoU and pixel error with the background, and foreground Dice."""
    rows = [("", "", *METRIC_TITLES.values(), "Foreground Dice")]
    for dataset, name in titles(summary).items():
        for loss, loss_name in _names(alpha).items():
            cells = [_cell(summary, dataset, loss, "with_background", metric) for metric in METRICS]
            cells.append(_cell(summary, dataset, loss, "foreground", "dice"))
            rows.append((f"{name}{' (synthetic)' if synthetic else ''}", loss_name, *cells))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    trainings = counted(next(iter(summary.values()))["ce"]["seeds"], "training")
    heading = (
        f"Table 1, study {study}{', synthetic data: no evidence about the losses' if synthetic else ''} ({trainings} a row)"
    )
    return "\n".join([heading, *("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)])


def _names(alpha: float) -> dict[str, str]:
    return LOSS_TITLES if alpha == 1 else LOSS_TITLES | {"ce_dl": f"CE + {alpha:g} · DL"}


def _cell(summary: Table, dataset: str, loss: str, convention: str, metric: str) -> str:
    ours = summary[dataset][loss]
    arrow = direction(summary, dataset, convention, metric) if loss == "ce_dl" else ""
    mark = "†" if ours["collapsed"] else ""
    return spread(value(summary, dataset, loss, convention, metric), ours["std"][convention][metric]) + arrow + mark


def _columns(summary: Table) -> list[tuple[str, str]]:
    return [(dataset, metric) for dataset in titles(summary) for metric in METRICS]


def _heads(summary: Table, *keys: str) -> list[str]:
    return [*keys, *(f"{name} {METRIC_TITLES[metric]}" for name in titles(summary).values() for metric in METRICS)]


def _papers(columns: list[tuple[str, str]]) -> list[list[str]]:
    rows = []
    for loss, name in LOSS_TITLES.items():
        cells = []
        for dataset, metric in columns:
            arrow = ("↓" if metric == "pixel_error" else "↑") if loss == "ce_dl" else ""
            cells.append(number(TABLE_1[dataset][loss][metric]) + arrow if dataset in TABLE_1 else "–")
        rows.append(["the paper", name, *cells])
    return rows


def _about(summary: Table, runs: Runs) -> str:
    count = len(seeds(runs))
    cell = f"{'mean ± standard deviation' if count > 1 else 'value'} of {counted(count, 'training')}"
    seeds_ = f"seed{'s' if count > 1 else ''} {', '.join(map(str, seeds(runs)))}"
    return wrapped(
        f"Each of our cells is the {cell} ({seeds_}), after its last epoch: counts pooled over the validation set per class, "
        f"then the mean over classes, with the background or without.{_papers_average(summary)} Pixel error is the same in "
        "both. ↑ and ↓ say whether CE + DL lies above or below CE, = that four digits do not differ: higher is better for Dice "
        "and IoU, lower for pixel error. A difference within the spreads is no finding."
    )


def _papers_average(summary: Table) -> str:
    papers = {dataset: name for dataset, name in titles(summary).items() if dataset in TABLE_1}
    parts = [
        f"fit the average {CONVENTION_TITLES[AVERAGES[name]]} on {papers[name]}" for name in papers if name not in UNDETERMINED
    ]
    parts += [f"are of an undetermined average on {papers[name]}" for name in papers if name in UNDETERMINED]
    return f" The paper's numbers {' and '.join(parts)}." if parts else ""


def _collapsed(summary: Table, names: dict[str, str]) -> list[str]:
    lines = []
    for dataset, dataset_name in titles(summary).items():
        for loss, name in names.items():
            ours = summary[dataset][loss]
            if count := ours["collapsed"]:
                lines += [
                    f"† **Collapsed**: {dataset_name}, {name}: in {count} of {counted(ours['seeds'], 'training')} the network",
                    "predicts background only for the whole validation set.",
                    "",
                ]
    return lines


def _last_epochs(summary: Table, names: dict[str, str]) -> list[str]:
    about = (
        f"Mean over the last {LAST_EPOCHS} epochs, ± standard deviation over the seeds where there are several; in brackets "
        "the standard deviation from epoch to epoch within a training."
    )
    rows = []
    for convention in CONVENTIONS:
        for loss, name in names.items():
            tails = [summary[dataset][loss]["last_epochs"][convention][metric] for dataset, metric in _columns(summary)]
            cells = [f"{spread(tail['mean'], tail['std'])} ({number(tail['epoch_std'])})" for tail in tails]
            rows.append([f"ours, {CONVENTION_TITLES[convention]}", name, *cells])
    heads = _heads(summary, "average", "loss")
    return [f"## The last {LAST_EPOCHS} epochs", "", wrapped(about), "", *table(heads, rows), ""]


def _differences(summary: Table, names: dict[str, str]) -> list[str]:
    papers = {dataset: name for dataset, name in titles(summary).items() if dataset in TABLE_1}
    averages = ", ".join(f"{name} {CONVENTION_TITLES[AVERAGES[dataset]]}" for dataset, name in papers.items())
    about = "CE + DL minus CE including background."
    if papers:
        about += f" Ours minus the paper's in the average that its numbers fit better: {averages}."
    rows = []
    for loss, name in names.items() if papers else ():
        cells = [number(summary[dataset][loss]["minus_paper"][metric], "+") for dataset, metric in _columns(summary)]
        rows.append([f"{name}: ours minus the paper's", *cells])
    for key, epochs in (("ce_dl_minus_ce", ""), ("ce_dl_minus_ce_last_epochs", f", mean of the last {LAST_EPOCHS} epochs")):
        changes = [summary[dataset][key]["with_background"][metric] for dataset, metric in _columns(summary)]
        cells = [spread(change["mean"], change["std"], "+") for change in changes]
        rows.append([f"ours: {names['ce_dl']} minus {names['ce']}, seed by seed{epochs}", *cells])
    return ["## Differences", "", wrapped(about), "", *table(_heads(summary, "difference"), rows), ""]


def _provenance(runs: Runs, names: dict[str, str], units: dict[str, str]) -> list[str]:
    rows = [
        {"data": name, "loss": names[loss], "seed": str(seed)} | _training(runs[dataset, loss, seed], units[dataset])
        for dataset, name in titles(dataset for dataset, _, _ in runs).items()
        for loss in names
        for seed in seeds(runs)
    ]
    alike = [head for head in _SETTINGS if len({row[head] for row in rows}) == 1]
    heads = [head for head in rows[0] if head not in alike]
    same = [wrapped("All trainings: " + ", ".join(f"{head} {rows[0][head]}" for head in alike) + "."), ""] if alike else []
    return ["## Where the numbers are from", "", *same, *table(heads, [[row[head] for head in heads] for row in rows])]


def _training(run: Run, unit: str) -> dict[str, str]:
    record, settings, revision = run.record, run.record["settings"], str(run.record["revision"])
    return {
        "validation set": _validation_set(run.counts, unit),
        "channels": str(settings["base_channels"]),
        "norm": str(settings["norm"]),
        "epochs": str(len(run.history)),
        "of these collapsed": str(int(run.history["collapsed"].sum())),
        "device": str(record["device"]),
        "precision": str(settings["precision"]),
        "torch": record["versions"]["torch"],
        "training time": f"{record['wall_seconds'] / 60:.1f} min",
        "peak memory": ", ".join(f"{size / 1000:.1f} GB {kind}" for kind, size in record["peak_memory_mb"].items()),
        "revision": f"`{revision[:10]}{'+changes' if revision.endswith('+changes') else ''}`",
    }


def _validation_set(counts: pd.DataFrame, unit: str) -> str:
    slices = counted(counts["slice"].nunique(), "slice")
    return f"{slices}, {counted(counts['patient'].nunique(), 'patient') if unit == 'patient' else 'patients unknown'}"
