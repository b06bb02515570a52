"""Write where the losses differ (`where.md`, `borders.csv`, `targets.csv`, `levels.csv`)."""

import pandas as pd

from cedice import paths, where
from cedice.datasets import SOURCES
from cedice.evaluation import load_counts
from cedice.files import replacing, write_text
from cedice.params import ARMS, DATASETS
from cedice.stage import Job, run


def compare(job: Job) -> None:
    trainings = [(dataset, arm, seed) for dataset in DATASETS for arm in ARMS for seed in job.settings.seeds]
    edges = where.borders({training: pd.read_csv(paths.surfaces(job.study, *training)) for training in trainings})
    sizes = where.by_size({training: pd.read_csv(paths.targets(job.study, *training)) for training in trainings})
    levels = where.by_level(
        {training: load_counts(paths.counts(job.study, *training), len(SOURCES[training[0]].CLASSES)) for training in trainings}
    )
    folder = paths.reports(job.study)
    for name, table in (("borders", edges), ("targets", sizes), ("levels", levels)):
        with replacing(folder / f"{name}.csv") as new:
            table.to_csv(new, index=False, lineterminator="\n")
    classes = {dataset: source.CLASSES for dataset, source in SOURCES.items()}
    synthetic = job.settings.source.kind == "phantom"
    write_text(folder / "where.md", where.markdown(edges, sizes, levels, job.study, synthetic, classes))
    print(f"{folder / 'where.md'} written")


if __name__ == "__main__":
    run(compare)
