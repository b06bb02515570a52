"""Judge the paper's statements (`verdict.csv`, `verdict.md`), with what experts ask besides (`beyond.csv`); and write where the
noise of the differences comes from (`noise.csv`, `noise.md`) and what the Dice term changes as the training goes on
(`difference.csv`, `difference.md`)."""

import json
from pathlib import Path

import pandas as pd

from cedice import paths
from cedice.analysis import beyond, chance, decision, noise, peers
from cedice.analysis.difference import over_epochs
from cedice.analysis.pairs import of_pair
from cedice.analysis.verdict import Measured, judge
from cedice.evaluation import record
from cedice.evaluation.counts import check_units, regions
from cedice.evaluation.runs import Runs, decisive, seeds
from cedice.files import write_csv, write_text
from cedice.paper import PAIR
from cedice.pipeline.stage import Job, run
from cedice.reporting import difference, rates
from cedice.reporting import noise as noise_report
from cedice.reporting.verdict import markdown


def judged(job: Job) -> None:
    runs = of_pair(job.runs())
    epochs = record.by_training(job.table("epochs"))
    readings = {key: noise.readings(rows) for key, rows in epochs.items() if key[1] in PAIR}
    verdict(job, runs, readings)
    budget(job, runs, readings)
    by_epoch(job, runs)


def verdict(job: Job, runs: dict[str, Runs], late: noise.Readings) -> None:
    folder, rests = paths.reports(job.study), decisive(runs)
    bins = of_pair(record.by_network(job.table("calibration")))
    table, asked = _judged(job, runs, bins, late)
    write_csv(folder / "verdict.csv", table, float_format="%.6g")
    write_csv(folder / "beyond.csv", asked, float_format="%.6g")
    ruled = _decided(job, runs, bins)
    by_chance = None if job.synthetic else chance.table(runs)
    published = None
    if job.settings.split == "folds":
        published = peers.table({key: each.counts for key, each in runs[rests].items()}, bins[rests], job.folds)
    tables, tails = (table, asked, ruled[ruled["readout"] == rests]), _last_epochs(folder)
    told = rates.compared(runs[rests])
    text = markdown(*tables, job.study, job.synthetic, tails, by_chance, published, job.untrained, told)
    write_text(folder / "verdict.md", text)
    print(f"{folder / 'verdict.md'} written")


def budget(job: Job, runs: dict[str, Runs], readings: noise.Readings) -> None:
    table, last = noise.budget(readings, tuple(runs), job.units, job.folds), runs["last"]
    folder = paths.reports(job.study)
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
    print(f"{folder / 'noise.md'} written")


def by_epoch(job: Job, runs: dict[str, Runs]) -> None:
    table, folder = over_epochs(runs), paths.reports(job.study)
    write_csv(folder / "difference.csv", table, float_format="%.6g")
    write_text(folder / "difference.md", difference.markdown(table, job.study, job.synthetic, job.params.margins.dice))
    print(f"{folder / 'difference.md'} written")


def _judged(
    job: Job, runs: dict[str, Runs], bins: dict[str, record.Tables], late: noise.Readings
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The paper's statements, and what experts ask besides, of each network."""
    classes, margins = {name: job.classes(name) for name in job.datasets}, job.params.margins.model_dump()
    surfaces, targets, volumes = (record.by_network(job.table(name)) for name in ("surfaces", "targets", "volumes"))
    parts: tuple[list[pd.DataFrame], list[pd.DataFrame]] = [], []
    for readout, of in runs.items():
        for name in job.datasets:
            counts = {key[1:]: each.counts for key, each in of.items() if key[0] == name}
            check_units(counts, job.slices(name)["validation_patients"], job.folds[name], name)
        study = {key: Measured(each.counts, surfaces[readout][key], targets[readout][key]) for key, each in of.items()}
        more = {
            key: beyond.Asked(each.counts, volumes[readout][key], bins[readout][key], late[key].loc[readout])
            for key, each in of.items()
        }
        tables = judge(study, job.units, margins, job.folds), beyond.judge(more, classes, job.units, job.folds)
        for table, kept in zip(tables, parts, strict=True):
            table.insert(0, "readout", readout)
            kept.append(table)
    table, asked = (pd.concat(part, ignore_index=True) for part in parts)
    return table, asked


def _decided(job: Job, runs: dict[str, Runs], bins: dict[str, record.Tables]) -> pd.DataFrame:
    """The three differences by decision rule, and beside them the curves of Dice against the threshold, of each network."""
    folder, by_threshold = paths.reports(job.study), job.thresholds()
    judged, curves = list[pd.DataFrame](), list[pd.DataFrame]()
    for readout, of in runs.items():
        tables, exact = decision.tables(bins[readout], by_threshold.get(readout, {}))
        maps = {key: regions(each.counts) for key, each in of.items()}
        rows = decision.judge(tables, maps, job.units, job.params.margins.dice, job.folds, exact)
        for table, parts in ((rows, judged), (decision.curves(tables), curves)):
            table.insert(0, "readout", readout)
            parts.append(table)
    whole = pd.concat(judged, ignore_index=True)
    write_csv(folder / "decision.csv", whole, float_format="%.6g")
    write_csv(folder / "thresholds.csv", pd.concat(curves, ignore_index=True), float_format="%.6g")
    return whole


def _last_epochs(folder: Path) -> dict[str, dict[str, dict[str, float | None]]]:
    """{network: {data set: {metric: mean difference over the last epochs}}}."""
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    return {
        readout: {
            dataset: {metric: tail["mean"] for metric, tail in numbers["ce_dl_minus_ce_last_epochs"]["foreground"].items()}
            for dataset, numbers in datasets.items()
        }
        for readout, datasets in summary.items()
    }


if __name__ == "__main__":
    run(judged)
