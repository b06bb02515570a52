"""Write where the losses differ (`breakdown.md`, `borders.csv`, `targets.csv`, `levels.csv`)."""

from cedice import paths
from cedice.analysis.breakdown import borders, by_level, by_size
from cedice.evaluation.counts import load_counts
from cedice.files import write_csv, write_text
from cedice.pipeline.stage import Job, run
from cedice.reporting.breakdown import markdown
from cedice.tables import read_table


def breakdown(job: Job) -> None:
    classes = {dataset: job.classes(dataset) for dataset in job.datasets}
    edges = borders({training.key: read_table(paths.surfaces(training, "last")) for training in job.trainings})
    sizes = by_size({training.key: read_table(paths.targets(training, "last")) for training in job.trainings})
    counts = {
        training.key: load_counts(paths.counts(training, "last"), len(classes[training.dataset])) for training in job.trainings
    }
    levels, folder = by_level(counts), paths.reports(job.study)
    for name, table in (("borders", edges), ("targets", sizes), ("levels", levels)):
        write_csv(folder / f"{name}.csv", table)
    write_text(folder / "breakdown.md", markdown(edges, sizes, levels, job.study, job.synthetic, classes))
    print(f"{folder / 'breakdown.md'} written")


if __name__ == "__main__":
    run(breakdown)
