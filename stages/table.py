"""Write a study's Table 1 (`table1.csv`, `table1.md`) and its numbers (`summary.json`, of them `metrics.json` for DVC)."""

from cedice import paths
from cedice.analysis import mixtures
from cedice.analysis.table1 import csv_rows, headline, summary
from cedice.evaluation.runs import decisive, load
from cedice.files import write_csv, write_json, write_text
from cedice.pipeline.stage import Job, run
from cedice.reporting.table1 import markdown, terminal


def table(job: Job) -> None:
    runs = load(job.trainings)
    numbers = {readout: summary(of_readout, readout) for readout, of_readout in runs.items()}
    folder, alpha = paths.reports(job.study), job.params.loss.ce_dl.alpha
    units, folds = {name: job.unit(name) for name in job.datasets}, {name: job.folds(name) for name in job.datasets}
    fitted = mixtures.load(job.study, {name: len(job.classes(name)) for name in job.datasets})
    text = markdown(numbers, runs["last"], fitted, job.study, job.synthetic, alpha, units, folds, job.untrained)
    write_json(folder / "summary.json", numbers)
    write_json(folder / "metrics.json", headline(numbers[decisive(numbers)]))
    write_csv(folder / "table1.csv", csv_rows(numbers, fitted))
    write_text(folder / "table1.md", text)
    print(terminal(numbers, job.study, job.synthetic, alpha))
    print(f"{folder / 'table1.md'} written")


if __name__ == "__main__":
    run(table)
