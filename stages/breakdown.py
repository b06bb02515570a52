"""Write where the losses differ (`breakdown.md`, `borders.csv`, `targets.csv`, `levels.csv`)."""

import pandas as pd

from cedice import paths
from cedice.analysis.breakdown import borders, by_level, by_size
from cedice.evaluation.counts import load_counts
from cedice.evaluation.folds import pooled
from cedice.evaluation.runs import decisive, readouts
from cedice.files import write_csv, write_text
from cedice.pipeline.stage import Job, run
from cedice.reporting.breakdown import markdown
from cedice.tables import read_table


def breakdown(job: Job) -> None:
    classes = {dataset: job.classes(dataset) for dataset in job.datasets}
    folder, networks = paths.reports(job.study), readouts(job.trainings)
    tables = {readout: _tables(job, readout, classes) for readout in networks}
    for name in tables["last"]:
        parts = [table[name].assign(readout=readout) for readout, table in tables.items()]
        write_csv(folder / f"{name}.csv", pd.concat(parts)[["readout", *tables["last"][name]]])
    shown = decisive(networks)
    edges, sizes, levels = tables[shown].values()
    write_text(folder / "breakdown.md", markdown(edges, sizes, levels, shown, job.study, job.synthetic, classes))
    print(f"{folder / 'breakdown.md'} written")


def _tables(job: Job, readout: str, classes: dict[str, tuple[str, ...]]) -> dict[str, pd.DataFrame]:
    surfaces = {training.key: read_table(paths.surfaces(training, readout)) for training in job.trainings}
    targets = {training.key: read_table(paths.targets(training, readout)) for training in job.trainings}
    counts = {
        training.key: load_counts(paths.counts(training, readout), len(classes[training.dataset])) for training in job.trainings
    }
    folds = {dataset: job.folds(dataset) for dataset in job.datasets}
    surfaces, targets, counts = (pooled(tables, folds) for tables in (surfaces, targets, counts))
    return {"borders": borders(surfaces), "targets": by_size(targets), "levels": by_level(counts)}


if __name__ == "__main__":
    run(breakdown)
