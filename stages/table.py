"""Write a study's Table 1 (`table1.csv`, `table1.md`) and its numbers (`summary.json`, of them `metrics.json` for DVC)."""

from cedice import paths
from cedice.analysis.table1 import csv_rows, headline, summary
from cedice.evaluation.runs import Run
from cedice.files import write_csv, write_json, write_text
from cedice.pipeline.stage import Job, run
from cedice.reporting.table1 import markdown


def table(job: Job) -> None:
    runs = {training.key: Run.of(training) for training in job.trainings}
    found, folder = summary(runs), paths.reports(job.study)
    text = markdown(found, runs, job.study, job.synthetic, job.params.loss.ce_dl.alpha)
    write_json(folder / "summary.json", found)
    write_json(folder / "metrics.json", headline(found))
    write_csv(folder / "table1.csv", csv_rows(found))
    write_text(folder / "table1.md", text)
    print(f"{folder / 'table1.md'} written")


if __name__ == "__main__":
    run(table)
