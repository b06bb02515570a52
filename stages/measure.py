"""Measure the label maps of both networks of a training: border distances, connected targets, errors by distance, volumes; a
table of each."""

from cedice import paths
from cedice.data import slices
from cedice.data.slices import Slices, shaped
from cedice.errors import CediceError
from cedice.evaluation import boundaries, targets, volumes
from cedice.files import read_arrays, write_csv
from cedice.paths import READOUTS
from cedice.pipeline.stage import Job, run


def measure(job: Job) -> None:
    val = slices.load(*paths.slices(job.study, job.dataset)).part("val", job.training.seed)
    for readout in READOUTS:
        _measure(job, val, readout)


def _measure(job: Job, val: Slices, readout: str) -> None:
    source = paths.predictions(job.training, readout)
    stored = read_arrays(source, "labels")[0]
    labels = stored if val.native is None else shaped(stored, val.index, source)
    if val.native is None and stored.shape != val.masks.shape:
        shapes = f"{stored.shape}, not {val.masks.shape}"
        raise CediceError(f"{source}: predictions of other slices ({shapes}); run the evaluate stage again")
    classes = len(job.classes(job.dataset))
    tables = {
        paths.surfaces(job.training, readout): boundaries.table(labels, val.truth, val.index, classes),
        paths.targets(job.training, readout): targets.table(labels, val.truth, val.index, classes),
        paths.errors(job.training, readout): boundaries.error_profile(labels, val.truth),
        paths.volumes(job.training, readout): volumes.table(labels, val.truth, val.index, classes),
    }
    for target, table in tables.items():
        write_csv(target, table, float_format="%.5g", na_rep="nan")
    print(f"{job.training}, {readout}: {len(labels)} slices measured")


if __name__ == "__main__":
    run(measure, "dataset", "loss", "seed")
