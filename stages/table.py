"""Write a study's Table 1 (`table1.csv`, `table1.md`), its numbers (`summary.json`, of them `metrics.json` for DVC), where the
losses differ (`breakdown.md`, `borders.csv`, `targets.csv`, `levels.csv`), and every averaging convention beside the paper's
Table 1 (`conventions.csv`, `conventions.md`)."""

import pandas as pd

from cedice import paths
from cedice.analysis import decision, mixtures
from cedice.analysis.breakdown import borders, by_level, by_size
from cedice.analysis.conventions import audit
from cedice.analysis.pairs import of_pair
from cedice.analysis.table1 import csv_rows, headline, summary
from cedice.evaluation import record
from cedice.evaluation.counts import Counts
from cedice.evaluation.folds import pooled
from cedice.evaluation.runs import Runs, decisive
from cedice.files import write_csv, write_json, write_text
from cedice.pipeline.stage import Job, run
from cedice.reporting import breakdown, conventions
from cedice.reporting.table1 import markdown, terminal


def tables(job: Job) -> None:
    runs = job.runs()
    table1(job, runs)
    pair = of_pair(runs)
    where_they_differ(job, pair)
    averages(job, pair["last"])


def table1(job: Job, runs: dict[str, Runs]) -> None:
    numbers = {readout: summary(of_readout, readout) for readout, of_readout in runs.items()}
    folder, alpha = paths.reports(job.study), job.params.loss.ce_dl.alpha
    fitted = mixtures.load(job.study, {name: len(job.classes(name)) for name in job.datasets})
    rests = decisive(numbers)
    bins = record.by_network(job.table("calibration"))[rests]
    own = decision.at_own(decision.tables(bins, job.thresholds().get(rests, {}))[0], runs[rests])
    text = markdown(numbers, runs["last"], fitted, job.study, job.synthetic, alpha, job.units, job.folds, own, job.untrained)
    write_json(folder / "summary.json", numbers)
    write_json(folder / "metrics.json", headline(numbers[rests]))
    write_csv(folder / "table1.csv", csv_rows(numbers, fitted))
    write_text(folder / "table1.md", text)
    print(terminal(numbers, job.study, job.synthetic, alpha))
    print(f"{folder / 'table1.md'} written")


def where_they_differ(job: Job, runs: dict[str, Runs]) -> None:
    surfaces, targets = (of_pair(record.by_network(job.table(name))) for name in ("surfaces", "targets"))
    found: dict[str, dict[str, pd.DataFrame]] = {"borders": {}, "targets": {}, "levels": {}}
    for readout, of in runs.items():
        counts = pooled({key: each.counts for key, each in of.items()}, job.folds)
        found["borders"][readout] = borders(pooled(surfaces[readout], job.folds), counts)
        found["targets"][readout] = by_size(pooled(targets[readout], job.folds))
        found["levels"][readout] = by_level(counts)
    folder, shown = paths.reports(job.study), decisive(runs)
    for name, of_network in found.items():
        write_csv(folder / f"{name}.csv", pd.concat(of_network, names=["readout"]).reset_index("readout"))
    classes = {dataset: job.classes(dataset) for dataset in job.datasets}
    edges, sizes, levels = (of_network[shown] for of_network in found.values())
    text = breakdown.markdown(edges, sizes, levels, shown, job.study, job.synthetic, classes)
    write_text(folder / "breakdown.md", text)
    print(f"{folder / 'breakdown.md'} written")


def averages(job: Job, runs: Runs) -> None:
    counts: dict[str, Counts] = {dataset: {} for dataset in job.datasets}
    for (dataset, loss, repeat), table in pooled({key: each.counts for key, each in runs.items()}, job.folds).items():
        counts[dataset][loss, repeat] = table
    batch, folder = job.settings.train.batch_size, paths.reports(job.study)
    audits = {dataset: audit(counts[dataset], dataset, batch) for dataset in job.datasets}
    write_csv(folder / "conventions.csv", pd.concat(audits.values()))
    write_text(folder / "conventions.md", conventions.markdown(audits, counts, job.study, job.synthetic, batch))
    print(f"{folder / 'conventions.md'} written")


if __name__ == "__main__":
    run(tables)
