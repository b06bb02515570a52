"""Judge the paper's statements (`verdict.csv`, `verdict.md`) from counts, border distances and targets."""

import pandas as pd

from cedice import paths, verdict
from cedice.evaluation import load_counts
from cedice.files import replacing, write_text
from cedice.stage import Job, run


def judge(job: Job) -> None:
    table = verdict.judge({training: _measured(job, *training) for training in job.trainings})
    folder = paths.reports(job.study)
    with replacing(folder / "verdict.csv") as new:
        table.to_csv(new, index=False, lineterminator="\n", float_format="%.6g")
    write_text(folder / "verdict.md", verdict.markdown(table, job.study, job.synthetic))
    print(f"{folder / 'verdict.md'} written")


def _measured(job: Job, dataset: str, arm: str, seed: int) -> verdict.Measured:
    training, text = (job.study, dataset, arm, seed), {"slice": str, "volume": str, "patient": str}
    counts = load_counts(paths.counts(*training), len(job.source_of(dataset).CLASSES))
    return verdict.Measured(
        counts, pd.read_csv(paths.surfaces(*training), dtype=text), pd.read_csv(paths.targets(*training), dtype=text)
    )


if __name__ == "__main__":
    run(judge)
