"""Keep a DVC experiment in Git, for the `experiments` stage: what it changed, under `reports/<study>/experiments/<name>/`.

Not a stage of `dvc.yaml`: experiments are Git references, which no stage can depend on.
"""

from cedice.pipeline.keep import keep
from cedice.pipeline.stage import Job, run


def write(job: Job) -> None:
    print(f"{keep(job.study, job.given['experiment'])} written; `dvc repro experiments` takes it in")


if __name__ == "__main__":
    run(write, "experiment")
