"""Write what the kept experiments say: `experiments.md`, `response.csv`, `leakage.csv`, `response.png`."""

from cedice import paths
from cedice.analysis import experiments, response
from cedice.evaluation.runs import Run
from cedice.files import save_figure, write_csv, write_text
from cedice.pipeline.stage import Job, run
from cedice.reporting import figures
from cedice.reporting.experiments import markdown


def write(job: Job) -> None:
    base = {training.key: Run.of(training, "last") for training in job.trainings}
    kept = experiments.load(job.study, job.params)
    points = response.by_alpha(base, job.params.loss.ce_dl.alpha, kept)
    responses, leaked = response.response(points), response.leakage(base, kept, job.study)
    folder = paths.reports(job.study)
    write_csv(folder / "response.csv", responses, float_format="%.6g")
    write_csv(folder / "leakage.csv", leaked, float_format="%.6g")
    save_figure(figures.response(points, f"The effect of α ({job.note})"), folder / "response.png")
    write_text(folder / "experiments.md", markdown(responses, leaked, kept, job.study, job.synthetic))
    print(f"{folder / 'experiments.md'} written")


if __name__ == "__main__":
    run(write)
