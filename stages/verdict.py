"""Judge the paper's statements (`verdict.csv`, `verdict.md`) from counts, border distances and targets."""

import pandas as pd

from cedice import paths, verdict
from cedice.datasets import SOURCES
from cedice.evaluation import load_counts
from cedice.files import replacing, write_text
from cedice.params import ARMS, DATASETS
from cedice.stage import Job, run
from cedice.tables import DATASET_TITLES


def judge(job: Job) -> None:
    trainings = [(dataset, arm, seed) for dataset in DATASETS for arm in ARMS for seed in job.settings.seeds]
    table = verdict.judge({training: _measured(job.study, *training) for training in trainings})
    folder = paths.reports(job.study)
    with replacing(folder / "verdict.csv") as new:
        table.to_csv(new, index=False, lineterminator="\n", float_format="%.6g")
    synthetic = job.settings.source.kind == "phantom"
    write_text(folder / "verdict.md", verdict.markdown(table, job.study, synthetic, DATASET_TITLES))
    print(f"{folder / 'verdict.md'} written")


def _measured(study: str, dataset: str, arm: str, seed: int) -> verdict.Measured:
    training, text = (study, dataset, arm, seed), {"slice": str, "volume": str, "patient": str}
    counts = load_counts(paths.counts(*training), len(SOURCES[dataset].CLASSES))
    return verdict.Measured(
        counts, pd.read_csv(paths.surfaces(*training), dtype=text), pd.read_csv(paths.targets(*training), dtype=text)
    )


if __name__ == "__main__":
    run(judge)
