"""Put a study's results on one self-contained page (`index.html`)."""

from cedice import page, paths, summary
from cedice.files import write_text
from cedice.stage import Job, run


def write(job: Job) -> None:
    runs = {training: summary.Run.of(job.study, *training) for training in job.trainings}
    target = paths.reports(job.study) / "index.html"
    write_text(target, page.render(job.study, runs, job.params.loss.ce_dl.alpha, job.synthetic))
    print(f"{target} written")


if __name__ == "__main__":
    run(write)
