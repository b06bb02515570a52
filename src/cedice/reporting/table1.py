"""Table 1, ours beside the paper's, from the content of `summary.json` (`cedice.analysis.table1`): as Markdown, and short."""

import itertools
from collections.abc import Collection

import pandas as pd

from cedice.analysis.mixtures import Mixtures
from cedice.analysis.pairs import BASE, OTHER
from cedice.analysis.table1 import direction, losses, value
from cedice.evaluation.runs import Run, Runs, decisive, seeds
from cedice.metrics import CONVENTIONS, LAST_EPOCHS, METRICS
from cedice.paper import (
    AVERAGES,
    CONVENTION_TITLES,
    LOSS_TITLES,
    METRIC_TITLES,
    NAMING_TITLES,
    PAIR,
    READOUT_TITLES,
    TABLE_1,
    UNDETERMINED,
    titles,
)
from cedice.reporting import rates
from cedice.reporting.beyond import validated
from cedice.reporting.markdown import counted, networks, number, of_validated, spread, table, title, untrained, wrapped

Table = dict[str, dict]  # what `summary.json` holds of one network
Tables = dict[str, Table]  # by network
Units = dict[str, str]
Folds = dict[str, int]
OwnThresholds = dict[tuple[str, str], dict[str, tuple[float, float]]]  # by data set and loss: mean and std by metric
_SETTINGS = ("network", "channels", "norm", "device", "precision", "torch", "revision")  # of a training; told once where alike


def markdown(
    tables: Tables,
    runs: Runs,
    mixtures: Mixtures,
    study: str,
    synthetic: bool,
    alpha: float,
    units: Units,
    folds: Folds,
    own: OwnThresholds,
    missing: Collection[str] = (),
) -> str:
    """Table 1 for people: the paper's rows, ours in both conventions, mixtures, the last epochs, the differences, and where
    from.

    ``own``: `decision.at_own` of the network on which the verdict rests. ``runs``: of the last epoch. ``units``: by data set
    "patient", or "slice" where patients are unknown; ``folds``: 1 without; ``missing``: the study's data sets without a
    training."""
    names, datasets = _names(tables["last"], alpha), titles(tables["last"])
    columns = _columns(datasets)
    rows = _papers(columns) if set(datasets) & set(TABLE_1) else []
    for readout, convention, loss in itertools.product(tables, CONVENTION_TITLES, names):
        cells = [_cell(tables[readout], dataset, loss, convention, metric) for dataset, metric in columns]
        rows.append([f"ours, {CONVENTION_TITLES[convention]}", READOUT_TITLES[readout], names[loss], *cells])
    rows += _at_own(own, decisive(tables), names, columns)
    rows += _mixtures(mixtures, columns)
    lines = [
        *title("Table 1", study, synthetic),
        *untrained(missing),
        *table(_heads(datasets, "average", "network", "loss"), rows),
        "",
        _about(tables, runs, folds),
        "",
        *_about_mixtures(mixtures),
    ]
    lines += _collapsed(tables, names) + _ever_collapsed(runs, names)
    lines += _last_epochs(tables, names) + _differences(tables, names)
    return "\n".join([*lines, *_provenance(runs, names, units)]) + "\n"


def terminal(tables: Tables, study: str, synthetic: bool, alpha: float) -> str:
    """Table 1 in ten lines: of each network Dice, IoU and pixel error with the background, and foreground Dice."""
    rows = [("", "", "", *METRIC_TITLES.values(), "Foreground Dice")]
    for dataset, name in titles(tables["last"]).items():
        for (readout, summary), (loss, loss_name) in itertools.product(tables.items(), _names(tables["last"], alpha).items()):
            cells = [_cell(summary, dataset, loss, "with_background", metric) for metric in METRICS]
            cells.append(_cell(summary, dataset, loss, "foreground", "dice"))
            rows.append((f"{name}{' (synthetic)' if synthetic else ''}", READOUT_TITLES[readout], loss_name, *cells))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    trainings = " or ".join(dict.fromkeys(counted(numbers[BASE]["seeds"], "training") for numbers in tables["last"].values()))
    heading = (
        f"Table 1, study {study}{', synthetic data: no evidence about the losses' if synthetic else ''} ({trainings} a row)"
    )
    return "\n".join([heading, *("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)])


def _names(summary: Table, alpha: float) -> dict[str, str]:
    named = LOSS_TITLES if alpha == 1 else LOSS_TITLES | {OTHER: f"CE + {alpha:g} · DL"}
    there = dict.fromkeys(loss for of_dataset in summary.values() for loss in losses(of_dataset))
    return {loss: named.get(loss, loss) for loss in there}


def _cell(summary: Table, dataset: str, loss: str, convention: str, metric: str) -> str:
    if loss not in summary[dataset]:
        return "–"
    ours = summary[dataset][loss]
    arrow = direction(summary, dataset, convention, metric) if loss == OTHER else ""
    mark = "†" if ours["collapsed"] else ""
    return spread(value(summary, dataset, loss, convention, metric), ours["std"][convention][metric]) + arrow + mark


def _columns(datasets: dict[str, str]) -> list[tuple[str, str]]:
    return [(dataset, metric) for dataset in datasets for metric in METRICS]


def _heads(datasets: dict[str, str], *keys: str) -> list[str]:
    return [*keys, *(f"{name} {METRIC_TITLES[metric]}" for name in datasets.values() for metric in METRICS)]


def _papers(columns: list[tuple[str, str]]) -> list[list[str]]:
    rows = []
    for loss in PAIR:
        cells = []
        for dataset, metric in columns:
            arrow = ("↓" if metric == "pixel_error" else "↑") if loss == OTHER else ""
            cells.append(number(TABLE_1[dataset][loss][metric]) + arrow if dataset in TABLE_1 else "–")
        rows.append(["the paper", READOUT_TITLES["last"], LOSS_TITLES[loss], *cells])
    return rows


def _at_own(own: OwnThresholds, readout: str, names: dict[str, str], columns: list[tuple[str, str]]) -> list[list[str]]:
    """A row a loss: foreground values with each training's own threshold."""
    rows = []
    for loss, name in names.items():
        cells = [spread(*own[dataset, loss][metric]) if (dataset, loss) in own else "–" for dataset, metric in columns]
        rows.append(["ours, foreground, each at its own threshold", READOUT_TITLES[readout], name, *cells])
    return rows


def _mixtures(mixtures: Mixtures, columns: list[tuple[str, str]]) -> list[list[str]]:
    rows = []
    for convention, (naming, fitted) in itertools.product(CONVENTION_TITLES, mixtures.items()):
        cells = [number(fitted[name].values[convention][metric] if name in fitted else None) for name, metric in columns]
        rows.append([f"ours, {CONVENTION_TITLES[convention]}", "mixture", NAMING_TITLES[naming], *cells])
    return rows


def _about_mixtures(mixtures: Mixtures) -> list[str]:
    """What they are, and of what each is made."""
    if not mixtures:
        return []
    made = []
    for naming, fitted in mixtures.items():
        of = [
            f"{name} {len(fitted[dataset].chosen['components'])} of {' and '.join(fitted[dataset].chosen['features'])}"
            for dataset, name in titles(fitted).items()
        ]
        made.append(f"{NAMING_TITLES[naming]}: {', '.join(of)}")
    about = (
        "A mixture of Gaussians is no network, and no label enters its fit to pixels of the training slices. Components named "
        "by labels are not trained on them: the training labels choose its features and the number of its components, and "
        "say which class a component is. Named by a rule, no label is looked at: its components are ordered by brightness. It "
        f"is fitted once, so that it has no spread. Components {'; '.join(made)}."
    )
    return [wrapped(about), ""]


def _about(tables: Tables, runs: Runs, folds: Folds) -> str:
    summary = tables["last"]
    of: dict[str, list[str]] = {}
    for dataset, name in titles(tables["last"]).items():
        numbers = seeds(runs, dataset)
        trainings = (
            f"{counted(len(numbers), 'training')} (seed{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))})"
        )
        of.setdefault(trainings, []).append(name)
    several = any(values[BASE]["seeds"] > 1 for values in summary.values())
    told = next(iter(of)) if len(of) == 1 else "; ".join(f"{' and '.join(names)}: {each}" for each, names in of.items())
    return wrapped(
        f"Each of our cells is the {'mean ± standard deviation' if several else 'value'} of {told}: counts pooled over the "
        "validation set per class, then the mean over classes, with the background or without. "
        f"{networks(tables)}{validated(titles(summary), folds)}{_papers_average(summary)} Pixel error is the same in both "
        "averages. ↑ and ↓ say whether CE + DL lies above or below CE, = that four digits do not differ: higher is better for "
        f"Dice and IoU, lower for pixel error. A difference within the spreads is no finding.{rates.compared(runs)} Own "
        "thresholds are those of the verdict's section on the decision rule."
    )


def _papers_average(summary: Table) -> str:
    papers = {dataset: name for dataset, name in titles(summary).items() if dataset in TABLE_1}
    parts = [
        f"fit the average {CONVENTION_TITLES[AVERAGES[name]]} on {papers[name]}" for name in papers if name not in UNDETERMINED
    ]
    parts += [f"are of an undetermined average on {papers[name]}" for name in papers if name in UNDETERMINED]
    return f" The paper's numbers {' and '.join(parts)}." if parts else ""


def _collapsed(tables: Tables, names: dict[str, str]) -> list[str]:
    lines = []
    for (dataset, dataset_name), readout, loss in itertools.product(titles(tables["last"]).items(), tables, names):
        ours = tables[readout][dataset].get(loss, {"collapsed": 0})
        if count := ours["collapsed"]:
            lines += [
                f"† **Collapsed**: {dataset_name}, {names[loss]}, {READOUT_TITLES[readout]}: in {count} of "
                f"{counted(ours['seeds'], 'training')} the network",
                "predicts background only for the whole validation set.",
                "",
            ]
    return lines


def _ever_collapsed(runs: Runs, names: dict[str, str]) -> list[str]:
    """A paragraph on the trainings whose network of some epoch predicts background only; none where there are none."""
    told = []
    for dataset, title_ in titles(dataset for dataset, _, _ in runs).items():
        of = {loss: [run for key, run in runs.items() if key[:2] == (dataset, loss)] for loss in names}
        of = {loss: trained for loss, trained in of.items() if trained}
        counts = {loss: sum(bool(run.history["collapsed"].any()) for run in trained) for loss, trained in of.items()}
        if any(counts.values()):
            words = (f"{names[loss]} {counts[loss]} of {len(of[loss])}" for loss in of)
            told.append(f"{title_}, {', '.join(words)}")
    about = "Trainings in which the network of the last epoch predicted background only after at least one epoch:"
    return [wrapped(f"{about} {'; '.join(told)}."), ""] if told else []


def _last_epochs(tables: Tables, names: dict[str, str]) -> list[str]:
    about = (
        f"Mean over the last {LAST_EPOCHS} epochs, ± standard deviation over the seeds where there are several; in brackets "
        "the standard deviation from epoch to epoch within a training."
    )
    datasets = titles(tables["last"])
    rows = []
    for readout, convention, loss in itertools.product(tables, CONVENTIONS, names):
        cells = []
        for dataset, metric in _columns(datasets):
            if ours := tables[readout][dataset].get(loss):
                tail = ours["last_epochs"][convention][metric]
                cells.append(f"{spread(tail['mean'], tail['std'])} ({number(tail['epoch_std'])})")
            else:
                cells.append("–")
        rows.append([f"ours, {CONVENTION_TITLES[convention]}", READOUT_TITLES[readout], names[loss], *cells])
    heads = _heads(datasets, "average", "network", "loss")
    return [f"## The last {LAST_EPOCHS} epochs", "", wrapped(about), "", *table(heads, rows), ""]


def _differences(tables: Tables, names: dict[str, str]) -> list[str]:
    datasets = titles(tables["last"])
    papers = {dataset: name for dataset, name in datasets.items() if dataset in TABLE_1}
    averages = ", ".join(f"{name} {CONVENTION_TITLES[AVERAGES[dataset]]}" for dataset, name in papers.items())
    about = "CE + DL minus CE including background."
    if papers:
        about += f" Ours minus the paper's in the average that its numbers fit better: {averages}."
    rows = []
    for loss in PAIR if papers else ():
        cells = [number(tables["last"][dataset][loss]["minus_paper"][metric], "+") for dataset, metric in _columns(datasets)]
        rows.append([f"{names[loss]}: ours minus the paper's", READOUT_TITLES["last"], *cells])
    for readout, summary in tables.items():
        for key, epochs in (("ce_dl_minus_ce", ""), ("ce_dl_minus_ce_last_epochs", f", mean of the last {LAST_EPOCHS} epochs")):
            changes = [summary[dataset][key]["with_background"][metric] for dataset, metric in _columns(datasets)]
            cells = [spread(change["mean"], change["std"], "+") for change in changes]
            rows.append([f"ours: {names[OTHER]} minus {names[BASE]}, seed by seed{epochs}", READOUT_TITLES[readout], *cells])
    return ["## Differences", "", wrapped(about), "", *table(_heads(datasets, "difference", "network"), rows), ""]


def _provenance(runs: Runs, names: dict[str, str], units: dict[str, str]) -> list[str]:
    rows = [
        {"data": name, "loss": names[loss], "seed": str(seed)} | _training(runs[dataset, loss, seed], units[dataset])
        for dataset, name in titles(dataset for dataset, _, _ in runs).items()
        for loss in names
        for seed in seeds(runs, dataset)
        if (dataset, loss, seed) in runs
    ]
    alike = [head for head in _SETTINGS if len({row[head] for row in rows}) == 1]
    heads = [head for head in rows[0] if head not in alike]
    same = [wrapped("All trainings: " + ", ".join(f"{head} {rows[0][head]}" for head in alike) + "."), ""] if alike else []
    return ["## Where the numbers are from", "", *same, *table(heads, [[row[head] for head in heads] for row in rows])]


def _training(run: Run, unit: str) -> dict[str, str]:
    record, settings, revision = run.record, run.record["settings"], str(run.record["revision"])
    return {
        "validation set": _validation_set(run.counts, unit),
        "network": settings.get("architecture", "unet").replace("_", " "),
        "channels": str(settings.get("base_channels", settings.get("feature_size"))),
        "norm": str(settings.get("norm", "the network's own")),
        "epochs": str(run.epochs),
        "of these collapsed": of_validated(int(run.history["collapsed"].sum()), run),
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
