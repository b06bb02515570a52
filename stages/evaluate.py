"""Predict the validation slices with an arm's weights; write counts per slice and class, and the predicted label maps."""

import torch

from cedice import evaluation, hardware, paths, slices, weights
from cedice.stage import Job, run
from cedice.training import Tensors


def evaluate(job: Job) -> None:
    device = hardware.device()
    model, header = weights.load(paths.weights(job.study, job.dataset, job.loss), device)
    data = slices.load(*paths.slices(job.study, job.dataset)).part("val")
    autocast = torch.bfloat16 if header["autocast"] == "bfloat16" else None
    tensors = Tensors.of(data.images, data.masks, device)
    counts, labels = evaluation.evaluate(model, tensors, data.index, header["classes"], autocast)
    table = paths.counts(job.study, job.dataset, job.loss)
    evaluation.save(counts, labels, table, paths.predictions(job.study, job.dataset, job.loss))
    values = evaluation.pooled_headline(counts)
    shown = ", ".join(f"Dice {name} {found['dice']:.4f}" for name, found in values.items())
    print(f"{job.study} {job.dataset} {job.loss}: {len(labels)} slices, {shown}")


if __name__ == "__main__":
    run(evaluate, "dataset", "loss")
