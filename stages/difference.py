"""Write what the Dice term changes as the training goes on (`difference.md`, `difference.csv`, `difference.png`)."""

from cedice import paths
from cedice.analysis.difference import over_epochs
from cedice.evaluation.runs import load
from cedice.files import save_figure, write_csv, write_text
from cedice.pipeline.stage import Job, run
from cedice.reporting.difference import figure, markdown


def difference(job: Job) -> None:
    table, folder, margin = over_epochs(load(job.trainings)), paths.reports(job.study), job.params.margins.dice
    write_csv(folder / "difference.csv", table, float_format="%.6g")
    write_text(folder / "difference.md", markdown(table, job.study, job.synthetic, margin))
    save_figure(figure(table, job.note, margin), folder / "difference.png")
    print(f"{folder / 'difference.md'} written")


if __name__ == "__main__":
    run(difference)
