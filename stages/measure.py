"""Measure a training's predicted label maps: border distances, connected targets, errors by distance; a table of each."""

from cedice import boundaries, paths, slices, targets
from cedice.errors import CediceError
from cedice.files import read_arrays, replacing
from cedice.stage import Job, run


def measure(job: Job) -> None:
    val = slices.load(*paths.slices(job.study, job.dataset)).part("val")
    source = paths.predictions(*job.arm)
    labels = read_arrays(source, "labels")[0]
    if labels.shape != val.masks.shape:
        shapes = f"{labels.shape}, not {val.masks.shape}"
        raise CediceError(f"{source}: predictions of other slices ({shapes}); run the evaluate stage again")
    classes = len(job.source.CLASSES)
    tables = {
        paths.surfaces(*job.arm): boundaries.table(labels, val.masks, val.index, classes),
        paths.targets(*job.arm): targets.table(labels, val.masks, val.index, classes),
        paths.errors(*job.arm): boundaries.error_profile(labels, val.masks),
    }
    for target, table in tables.items():
        with replacing(target) as new:
            table.to_csv(new, index=False, lineterminator="\n", float_format="%.5g", na_rep="nan")
    print(f"{job.name}: {len(labels)} slices measured")


if __name__ == "__main__":
    run(measure, "dataset", "loss", "seed")
