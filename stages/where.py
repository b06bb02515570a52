"""Write where the losses differ (`where.md`, `borders.csv`, `targets.csv`, `levels.csv`)."""

import pandas as pd

from cedice import paths, where
from cedice.evaluation import load_counts
from cedice.files import replacing, write_text
from cedice.stage import Job, run


def compare(job: Job) -> None:
    edges = where.borders({training: pd.read_csv(paths.surfaces(job.study, *training)) for training in job.trainings})
    sizes = where.by_size({training: pd.read_csv(paths.targets(job.study, *training)) for training in job.trainings})
    levels = where.by_level(
        {
            training: load_counts(paths.counts(job.study, *training), len(job.source_of(training[0]).CLASSES))
            for training in job.trainings
        }
    )
    folder = paths.reports(job.study)
    for name, table in (("borders", edges), ("targets", sizes), ("levels", levels)):
        with replacing(folder / f"{name}.csv") as new:
            table.to_csv(new, index=False, lineterminator="\n")
    classes = {dataset: job.source_of(dataset).CLASSES for dataset in job.datasets}
    write_text(folder / "where.md", where.markdown(edges, sizes, levels, job.study, job.synthetic, classes))
    print(f"{folder / 'where.md'} written")


if __name__ == "__main__":
    run(compare)
