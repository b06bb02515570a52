"""Hold every averaging convention against the paper's Table 1 (`conventions.csv`, `conventions.md`)."""

import pandas as pd

from cedice import conventions, paths
from cedice.evaluation import load_counts
from cedice.files import replacing, write_text
from cedice.params import ARMS
from cedice.stage import Job, run


def audit(job: Job) -> None:
    counts, batch = {}, job.settings.train.batch_size
    for dataset in job.datasets:
        classes = len(job.source_of(dataset).CLASSES)
        counts[dataset] = {
            (arm, seed): load_counts(paths.counts(job.study, dataset, arm, seed), classes)
            for arm in ARMS
            for seed in job.settings.seeds
        }
    tables = {dataset: conventions.audit(counts[dataset], dataset, batch) for dataset in job.datasets}
    folder = paths.reports(job.study)
    with replacing(folder / "conventions.csv") as new:
        pd.concat(tables.values()).to_csv(new, index=False, lineterminator="\n")
    write_text(folder / "conventions.md", conventions.markdown(tables, counts, job.study, job.synthetic, batch))
    print(f"{folder / 'conventions.md'} written")


if __name__ == "__main__":
    run(audit)
