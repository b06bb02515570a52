"""Judge the paper's statements (`verdict.csv`, `verdict.md`) from counts, border distances and targets."""

import pandas as pd

from cedice import paths
from cedice.analysis.verdict import Measured, judge
from cedice.evaluation.counts import load_counts
from cedice.files import write_csv, write_text
from cedice.paths import Training
from cedice.pipeline.stage import Job, run
from cedice.reporting.verdict import markdown


def verdict(job: Job) -> None:
    table = judge({training.key: _measured(job, training) for training in job.trainings})
    folder = paths.reports(job.study)
    write_csv(folder / "verdict.csv", table, float_format="%.6g")
    write_text(folder / "verdict.md", markdown(table, job.study, job.synthetic))
    print(f"{folder / 'verdict.md'} written")


def _measured(job: Job, training: Training) -> Measured:
    text = {"slice": str, "volume": str, "patient": str}
    counts = load_counts(paths.counts(training), len(job.classes(training.dataset)))
    surfaces, targets = (pd.read_csv(path, dtype=text) for path in (paths.surfaces(training), paths.targets(training)))
    return Measured(counts, surfaces, targets)


if __name__ == "__main__":
    run(verdict)
