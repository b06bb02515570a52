"""Write a study's numbers, out of its record: `summary.json`, of that `metrics.json` for DVC, and in `tables/` Table 1;
where the losses differ (`breakdown.md`, `borders.csv`, `targets.csv`, `levels.csv`); every averaging convention beside the
paper's Table 1 (`conventions.*`); the verdict on the paper's statements and by decision rule (`verdict.*`, `beyond.csv`,
`decision.csv`, `thresholds.csv`); where the noise of the differences comes from (`noise.*`); and what the Dice term changes as
the training goes on (`difference.*`)."""

from pathlib import Path
from typing import Any

import pandas as pd

from cedice import paths
from cedice.analysis import beyond, chance, decision, mixtures, noise, peers
from cedice.analysis.breakdown import borders, by_level, by_size
from cedice.analysis.conventions import audit
from cedice.analysis.difference import over_epochs
from cedice.analysis.pairs import of_pair
from cedice.analysis.table1 import csv_rows, headline, summary
from cedice.analysis.verdict import Measured, judge
from cedice.evaluation import record
from cedice.evaluation.counts import Counts, check_units, regions
from cedice.evaluation.folds import pooled
from cedice.evaluation.runs import Runs, decisive, seeds
from cedice.files import replacing, write_csv, write_json, write_text
from cedice.paper import PAIR
from cedice.pipeline.stage import Job, run
from cedice.reporting import breakdown, conventions, difference, rates
from cedice.reporting import noise as noise_report
from cedice.reporting.table1 import markdown, terminal
from cedice.reporting.verdict import markdown as verdict_markdown

Summaries = dict[str, dict[str, Any]]  # by network, of `cedice.analysis.table1.summary`
ByNetwork = dict[str, record.Tables]
Kept = dict[str, ByNetwork]  # tables of the record, by name
Rules = dict[str, tuple[record.Tables, dict[str, bool]]]  # by network, of `decision.tables`


def tables(job: Job) -> None:
    runs, folder = job.runs(), paths.reports(job.study)
    numbers = {readout: summary(of_readout, readout) for readout, of_readout in runs.items()}
    pair, epochs = of_pair(runs), record.by_training(job.table("epochs"))
    readings = {key: noise.readings(rows) for key, rows in epochs.items() if key[1] in PAIR}
    kept = {name: record.by_network(job.table(name)) for name in ("surfaces", "targets", "volumes", "calibration")}
    thresholds = job.thresholds()
    rules = {network: decision.tables(bins, thresholds.get(network, {})) for network, bins in kept["calibration"].items()}
    with replacing(paths.tables(job.study), folder=True) as new:
        table1(job, runs, numbers, rules, new)
        where_they_differ(job, pair, kept, new)
        averages(job, pair["last"], new)
        verdict(job, pair, readings, numbers, kept, rules, new)
        budget(job, pair, readings, new)
        by_epoch(job, pair, new)
    write_json(folder / "summary.json", numbers)
    write_json(folder / "metrics.json", headline(numbers[decisive(numbers)]))
    print(terminal(numbers, job.study, job.synthetic, job.params.loss.ce_dl.alpha))
    print(f"tables in {paths.tables(job.study)}")


def table1(job: Job, runs: dict[str, Runs], numbers: Summaries, rules: Rules, folder: Path) -> None:
    alpha = job.params.loss.ce_dl.alpha
    fitted = mixtures.load(job.study, {name: len(job.classes(name)) for name in job.datasets})
    rests = decisive(numbers)
    own = decision.at_own(rules[rests][0], runs[rests])
    text = markdown(numbers, runs["last"], fitted, job.study, job.synthetic, alpha, job.units, job.folds, own, job.untrained)
    write_csv(folder / "table1.csv", csv_rows(numbers, fitted))
    write_text(folder / "table1.md", text)


def where_they_differ(job: Job, runs: dict[str, Runs], kept: Kept, folder: Path) -> None:
    surfaces, targets = (of_pair(kept[name]) for name in ("surfaces", "targets"))
    found: dict[str, dict[str, pd.DataFrame]] = {"borders": {}, "targets": {}, "levels": {}}
    for readout, of in runs.items():
        counts = pooled({key: each.counts for key, each in of.items()}, job.folds)
        found["borders"][readout] = borders(pooled(surfaces[readout], job.folds), counts)
        found["targets"][readout] = by_size(pooled(targets[readout], job.folds))
        found["levels"][readout] = by_level(counts)
    shown = decisive(runs)
    for name, of_network in found.items():
        write_csv(folder / f"{name}.csv", pd.concat(of_network, names=["readout"]).reset_index("readout"))
    classes = {dataset: job.classes(dataset) for dataset in job.datasets}
    edges, sizes, levels = (of_network[shown] for of_network in found.values())
    text = breakdown.markdown(edges, sizes, levels, shown, job.study, job.synthetic, classes)
    write_text(folder / "breakdown.md", text)


def averages(job: Job, runs: Runs, folder: Path) -> None:
    counts: dict[str, Counts] = {dataset: {} for dataset in job.datasets}
    for (dataset, loss, repeat), table in pooled({key: each.counts for key, each in runs.items()}, job.folds).items():
        counts[dataset][loss, repeat] = table
    batch = job.settings.train.batch_size
    audits = {dataset: audit(counts[dataset], dataset, batch) for dataset in job.datasets}
    write_csv(folder / "conventions.csv", pd.concat(audits.values()))
    write_text(folder / "conventions.md", conventions.markdown(audits, counts, job.study, job.synthetic, batch))


def verdict(
    job: Job,
    runs: dict[str, Runs],
    late: noise.Readings,
    numbers: Summaries,
    kept: Kept,
    rules: Rules,
    folder: Path,
) -> None:
    rests, bins = decisive(runs), of_pair(kept["calibration"])
    table, asked = _judged(job, runs, kept, late)
    write_csv(folder / "verdict.csv", table, float_format="%.6g")
    write_csv(folder / "beyond.csv", asked, float_format="%.6g")
    ruled = _decided(job, runs, rules, folder)
    by_chance = None if job.synthetic else chance.table(runs)
    published = None
    if job.settings.split == "folds":
        published = peers.table({key: each.counts for key, each in runs[rests].items()}, bins[rests], job.folds)
    tables, tails = (table, asked, ruled[ruled["readout"] == rests]), _last_epochs(numbers)
    told = rates.compared(runs[rests])
    text = verdict_markdown(*tables, job.study, job.synthetic, tails, by_chance, published, job.untrained, told)
    write_text(folder / "verdict.md", text)


def budget(job: Job, runs: dict[str, Runs], readings: noise.Readings, folder: Path) -> None:
    table, last = noise.budget(readings, tuple(runs), job.units, job.folds), runs["last"]
    hours = {
        name: sum(last[name, loss, seed].record["wall_seconds"] for loss in PAIR for seed in seeds(last, name))
        / (3600 * len(seeds(last, name)))
        for name in job.datasets
    }
    hour = noise.next_hour(table[table["readout"] == decisive(runs)], hours)
    write_csv(folder / "noise.csv", table, float_format="%.6g")
    machine = "CPU" if any("CPU" in each.record["device"] for each in last.values()) else "GPU"
    given = job.study, job.synthetic, job.params.margins.dice, machine
    write_text(folder / "noise.md", noise_report.markdown(table, noise.schedules(runs), hour, *given))


def by_epoch(job: Job, runs: dict[str, Runs], folder: Path) -> None:
    table = over_epochs(runs)
    write_csv(folder / "difference.csv", table, float_format="%.6g")
    write_text(folder / "difference.md", difference.markdown(table, job.study, job.synthetic, job.params.margins.dice))


def _judged(job: Job, runs: dict[str, Runs], kept: Kept, late: noise.Readings) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The paper's statements, and what experts ask besides, of each network."""
    classes, margins = {name: job.classes(name) for name in job.datasets}, job.params.margins.model_dump()
    parts: tuple[list[pd.DataFrame], list[pd.DataFrame]] = [], []
    for readout, of in runs.items():
        surfaces, targets, volumes, bins = (kept[name][readout] for name in ("surfaces", "targets", "volumes", "calibration"))
        for name in job.datasets:
            counts = {key[1:]: each.counts for key, each in of.items() if key[0] == name}
            check_units(counts, job.slices(name)["validation_patients"], job.folds[name], name)
        study = {key: Measured(each.counts, surfaces[key], targets[key]) for key, each in of.items()}
        ends = {key: late[key].loc[readout].reset_index() for key in of}
        more = {key: beyond.Asked(each.counts, volumes[key], bins[key], ends[key]) for key, each in of.items()}
        tables = judge(study, job.units, margins, job.folds), beyond.judge(more, classes, job.units, job.folds)
        for table, part in zip(tables, parts, strict=True):
            table.insert(0, "readout", readout)
            part.append(table)
    table, asked = (pd.concat(part, ignore_index=True) for part in parts)
    return table, asked


def _decided(job: Job, runs: dict[str, Runs], rules: Rules, folder: Path) -> pd.DataFrame:
    """The three differences by decision rule, and beside them the curves of Dice against the threshold, of each network."""
    judged, curves = list[pd.DataFrame](), list[pd.DataFrame]()
    for readout, of in runs.items():
        every, exact = rules[readout]
        tables = {key: every[key] for key in of}
        maps = {key: regions(each.counts) for key, each in of.items()}
        rows = decision.judge(tables, maps, job.units, job.params.margins.dice, job.folds, exact)
        for table, parts in ((rows, judged), (decision.curves(tables), curves)):
            table.insert(0, "readout", readout)
            parts.append(table)
    whole = pd.concat(judged, ignore_index=True)
    write_csv(folder / "decision.csv", whole, float_format="%.6g")
    write_csv(folder / "thresholds.csv", pd.concat(curves, ignore_index=True), float_format="%.6g")
    return whole


def _last_epochs(numbers: Summaries) -> dict[str, dict[str, dict[str, float | None]]]:
    """{network: {data set: {metric: mean difference over the last epochs}}}, of the `summary` of each network."""
    return {
        readout: {
            dataset: {metric: tail["mean"] for metric, tail in of["ce_dl_minus_ce_last_epochs"]["foreground"].items()}
            for dataset, of in datasets.items()
        }
        for readout, datasets in numbers.items()
    }


if __name__ == "__main__":
    run(tables)
