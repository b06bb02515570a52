"""Write a study's Table 1 (`table1.csv`, `table1.md`) and its `metrics.json` from counts, histories and run records."""

from cedice import paths, summary, tables
from cedice.files import replacing, write_json, write_text
from cedice.stage import Job, run


def table(job: Job) -> None:
    runs = {training: summary.Run.of(job.study, *training) for training in job.trainings}
    found, folder = summary.metrics(runs), paths.reports(job.study)
    text = tables.markdown(found, runs, job.study, job.synthetic, job.params.loss.ce_dl.alpha)
    write_json(folder / "metrics.json", found)
    with replacing(folder / "table1.csv") as new:
        tables.csv_rows(found).to_csv(new, index=False, lineterminator="\n")
    write_text(folder / "table1.md", text)
    print(f"{folder / 'table1.md'} written")


if __name__ == "__main__":
    run(table)
