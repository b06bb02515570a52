"""Hold every averaging convention against the paper's Table 1 (`conventions.csv`, `conventions.md`)."""

import pandas as pd

from cedice import paths
from cedice.analysis.conventions import audit
from cedice.evaluation.counts import load_counts
from cedice.evaluation.folds import pooled
from cedice.files import write_csv, write_text
from cedice.pipeline.stage import Job, run
from cedice.reporting.conventions import markdown


def conventions(job: Job) -> None:
    read = {
        training.key: load_counts(paths.counts(training, "last"), len(job.classes(training.dataset)))
        for training in job.trainings
    }
    counts: dict[str, dict] = {dataset: {} for dataset in job.datasets}
    for (dataset, loss, repeat), table in pooled(read, {dataset: job.folds(dataset) for dataset in job.datasets}).items():
        counts[dataset][loss, repeat] = table
    batch, folder = job.settings.train.batch_size, paths.reports(job.study)
    tables = {dataset: audit(counts[dataset], dataset, batch) for dataset in job.datasets}
    write_csv(folder / "conventions.csv", pd.concat(tables.values()))
    write_text(folder / "conventions.md", markdown(tables, counts, job.study, job.synthetic, batch))
    print(f"{folder / 'conventions.md'} written")


if __name__ == "__main__":
    run(conventions)
