"""Predict the validation slices with both networks of a training; write counts per slice and class, the label maps,
and how far the probabilities can be trusted."""

from cedice import paths
from cedice.data import slices
from cedice.data.grid import Grid
from cedice.evaluation.counts import pooled_headline
from cedice.evaluation.evaluate import evaluate, save
from cedice.evaluation.native import Native
from cedice.paths import READOUTS
from cedice.pipeline.stage import Job, run
from cedice.training import hardware, weights
from cedice.training.forward import Tensors


def write(job: Job) -> None:
    hardware.tune()
    device = hardware.device()
    data = slices.load(*paths.slices(job.study, job.dataset))
    val = data.rows("val", job.training.seed)
    tensors = Tensors.of(data.images, data.masks, device).part(val)
    grid = Grid(**job.settings.grid_of(job.dataset).model_dump())
    native = Native(grid, [data.native[number] for number in val], data.index.iloc[val]) if data.native else None
    for readout in READOUTS:
        model, header = weights.load(paths.weights(job.training), device, readout)
        options = header["classes"], header["precision"], native, header["mirror_at_test"]
        found = evaluate(model, tensors, data.index.iloc[val], *options)
        save(found, *(path(job.training, readout) for path in (paths.counts, paths.predictions, paths.calibration)))
        shown = ", ".join(f"Dice {name} {values['dice']:.4f}" for name, values in pooled_headline(found.counts).items())
        print(f"{job.training}, {readout}: {len(found.labels)} slices, {shown}")


if __name__ == "__main__":
    run(write, "dataset", "loss", "seed")
