"""Measure the border distances and the connected targets in a training's predicted label maps; a table of each."""

from cedice import boundaries, paths, slices, targets
from cedice.datasets import SOURCES
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
    classes = len(SOURCES[job.dataset].CLASSES)
    for module, target in ((boundaries, paths.surfaces(*job.arm)), (targets, paths.targets(*job.arm))):
        table = module.table(labels, val.masks, val.index, classes)
        with replacing(target) as new:
            table.to_csv(new, index=False, lineterminator="\n", float_format="%.5g", na_rep="nan")
        print(f"{job.name}: {len(table)} rows in {target}")


if __name__ == "__main__":
    run(measure, "dataset", "loss", "seed")
