"""Put a study's results on one self-contained page (`index.html`)."""

from cedice import paths
from cedice.analysis.pairs import of_pair
from cedice.files import write_text
from cedice.pipeline.stage import Job, run
from cedice.reporting.page import render


def write(job: Job) -> None:
    target = paths.reports(job.study) / "index.html"
    write_text(target, render(job.study, of_pair(job.runs()), job.params.loss.ce_dl.alpha, job.synthetic))
    print(f"{target} written")


if __name__ == "__main__":
    run(write)
