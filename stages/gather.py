"""Gather what the trainings of a data set left into the study's record."""

from pathlib import Path

from cedice import paths, yaml12
from cedice.data.slices import validating
from cedice.evaluation.gather import gather, parameters
from cedice.pipeline.stage import Job, run
from cedice.tables import read_table


def write(job: Job) -> None:
    wanted = job.trainings_of(job.dataset)
    here = {
        (training.loss, training.seed): (paths.trained(training), paths.evaluated(training))
        for training in wanted
        if paths.evaluated(training).is_dir() and paths.trained(training).is_dir()
    }
    given = parameters(yaml12.read(Path("params.yaml")), job.study, job.dataset)
    index = validating(read_table(paths.slices(job.study, job.dataset)[1]))[["slice", "volume", "patient", "frame"]]
    target = paths.record(job.study) / job.dataset
    stay, leave = gather(target, here, given, job.described(), index, [each.key[1:] for each in wanted])
    told = [f"{target}: {len(here)} trainings gathered"]
    told += [f"{len(stay)} stay"] if stay else []
    told += [f"{len(leave)} leave, as other parameters or slices made them"] if leave else []
    print(", ".join(told))


if __name__ == "__main__":
    run(write, "dataset")
