"""Hold every averaging convention against the paper's Table 1 (`conventions.csv`, `conventions.md`)."""

import pandas as pd

from cedice import conventions, paths
from cedice.datasets import SOURCES
from cedice.evaluation import load_counts
from cedice.files import replacing, write_text
from cedice.params import ARMS, DATASETS
from cedice.stage import Job, run


def audit(job: Job) -> None:
    counts, batch = {}, job.settings.train.batch_size
    for dataset in DATASETS:
        classes = len(SOURCES[dataset].CLASSES)
        counts[dataset] = {
            (arm, seed): load_counts(paths.counts(job.study, dataset, arm, seed), classes)
            for arm in ARMS
            for seed in job.settings.seeds
        }
    tables = {dataset: conventions.audit(counts[dataset], dataset, batch) for dataset in DATASETS}
    folder = paths.reports(job.study)
    with replacing(folder / "conventions.csv") as new:
        pd.concat(tables.values()).to_csv(new, index=False, lineterminator="\n")
    synthetic = job.settings.source.kind == "phantom"
    write_text(folder / "conventions.md", conventions.markdown(tables, counts, job.study, synthetic, batch))
    print(f"{folder / 'conventions.md'} written")


if __name__ == "__main__":
    run(audit)
