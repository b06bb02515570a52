"""Predict the validation slices with both networks of a training, and measure them: counts, border distances, connected
targets, volumes, calibration and errors by distance, a table of each; and the label maps."""

import pandas as pd

from cedice import paths
from cedice.data import slices
from cedice.data.grid import Grid
from cedice.data.slices import flat
from cedice.evaluation.counts import pooled_headline
from cedice.evaluation.evaluate import FORMATS, evaluate, measured
from cedice.evaluation.native import Native
from cedice.files import replacing, write_arrays, write_csv
from cedice.paths import READOUTS
from cedice.pipeline.stage import Job, run
from cedice.training import hardware, weights
from cedice.training.forward import Tensors


def write(job: Job) -> None:
    hardware.tune()
    device = hardware.device()
    val = slices.load(*paths.slices(job.study, job.dataset)).part("val", job.training.seed)
    tensors = Tensors.of(val.images, val.masks, device)
    grid = Grid(**job.settings.grid_of(job.dataset).model_dump())
    native = Native(grid, val.native, val.index) if val.native else None
    parts: dict[str, list[pd.DataFrame]] = {}
    with replacing(paths.evaluated(job.training), folder=True) as new:
        for readout in READOUTS:
            model, header = weights.load(paths.weights(job.training), device, readout)
            classes, mirror = header["classes"], header["mirror_at_test"]
            found = evaluate(model, tensors, val.index, classes, header["precision"], native, mirror)
            tables = measured(found, val, classes)
            for name, table in tables.items():
                table.insert(0, "readout", readout)
                parts.setdefault(name, []).append(table)
            labels = flat(found.labels) if isinstance(found.labels, list) else found.labels
            write_arrays(new / paths.labels(job.training, readout).name, labels=labels)
            shown = ", ".join(f"Dice {name} {values['dice']:.4f}" for name, values in pooled_headline(found.counts).items())
            print(f"{job.training}, {readout}: {len(found.labels)} slices, {shown}")
        for name, tables_ in parts.items():
            write_csv(new / f"{name}.csv", pd.concat(tables_, ignore_index=True), **FORMATS[name])


if __name__ == "__main__":
    run(write, "dataset", "loss", "seed")
