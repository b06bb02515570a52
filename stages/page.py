"""Put a study's results on one self-contained page (`index.html`)."""

from cedice import page, paths, summary
from cedice.files import write_text
from cedice.params import ARMS, DATASETS
from cedice.stage import Job, run


def write(job: Job) -> None:
    trainings = [(dataset, arm, seed) for dataset in DATASETS for arm in ARMS for seed in job.settings.seeds]
    runs = {training: summary.Run.of(job.study, *training) for training in trainings}
    synthetic = job.settings.source.kind == "phantom"
    target = paths.reports(job.study) / "index.html"
    write_text(target, page.render(job.study, runs, job.params.loss.ce_dl.alpha, synthetic))
    print(f"{target} written")


if __name__ == "__main__":
    run(write)
