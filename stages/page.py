"""Put a study's results on one self-contained page (`index.html`)."""

from cedice import paths
from cedice.evaluation.runs import load
from cedice.files import write_text
from cedice.pipeline.stage import Job, run
from cedice.reporting.page import render


def write(job: Job) -> None:
    target = paths.reports(job.study) / "index.html"
    write_text(target, render(job.study, load(job.trainings), job.params.loss.ce_dl.alpha, job.synthetic))
    print("\n".join([f"{target} written", *(job.left_out if job.synthetic else [])]))


if __name__ == "__main__":
    run(write)
