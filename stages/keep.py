"""Keep a DVC experiment in Git, for the `experiments` stage: what it changed, under `reports/<study>/experiments/<name>/`.

Not a stage of `dvc.yaml`: experiments are Git references, which no stage can depend on.
"""

from cedice import experiments
from cedice.stage import Job, run


def keep(job: Job) -> None:
    print(f"{experiments.keep(job.study, job.experiment)} written; `dvc repro experiments` takes it in")


if __name__ == "__main__":
    run(keep, "experiment")
