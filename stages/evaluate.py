"""Predict the validation slices with an arm's weights; write counts per slice and class, and the predicted label maps."""

from cedice import evaluation, hardware, paths, slices, weights
from cedice.stage import Job, run
from cedice.training import Tensors


def evaluate(job: Job) -> None:
    hardware.tune()
    device = hardware.device()
    model, header = weights.load(paths.weights(*job.arm), device)
    data = slices.load(*paths.slices(job.study, job.dataset))
    val = data.rows("val")
    tensors = Tensors.of(data.images, data.masks, device).part(val)
    counts, labels = evaluation.evaluate(model, tensors, data.index.iloc[val], header["classes"], header["precision"])
    evaluation.save(counts, labels, paths.counts(*job.arm), paths.predictions(*job.arm))
    values = evaluation.pooled_headline(counts)
    shown = ", ".join(f"Dice {name} {found['dice']:.4f}" for name, found in values.items())
    print(f"{job.name}: {len(labels)} slices, {shown}")


if __name__ == "__main__":
    run(evaluate, "dataset", "loss", "seed")
