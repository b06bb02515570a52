"""Write a study's Table 1 (`table1.csv`, `table1.md`) and its `metrics.json` from counts, histories and run records."""

import json

import pandas as pd

from cedice import paths, summary, tables
from cedice.datasets import SOURCES
from cedice.evaluation import load_counts
from cedice.files import replacing, write_json, write_text
from cedice.params import ARMS, DATASETS
from cedice.stage import Job, run


def table(job: Job) -> None:
    trainings = [(dataset, arm, seed) for dataset in DATASETS for arm in ARMS for seed in job.settings.seeds]
    runs = {training: _run(job.study, *training) for training in trainings}
    found, folder = summary.metrics(runs), paths.reports(job.study)
    synthetic = job.settings.source.kind == "phantom"
    text = tables.markdown(found, runs, job.study, synthetic, job.params.loss.ce_dl.alpha)
    write_json(folder / "metrics.json", found)
    with replacing(folder / "table1.csv") as new:
        tables.csv_rows(found).to_csv(new, index=False, lineterminator="\n")
    write_text(folder / "table1.md", text)
    print(f"{folder / 'table1.md'} written")


def _run(study: str, dataset: str, arm: str, seed: int) -> summary.Run:
    counts = load_counts(paths.counts(study, dataset, arm, seed), len(SOURCES[dataset].CLASSES))
    record = json.loads(paths.run_record(study, dataset, arm, seed).read_text(encoding="utf-8"))
    return summary.Run(counts, pd.read_csv(paths.history(study, dataset, arm, seed)), record)


if __name__ == "__main__":
    run(table)
