"""Train with each candidate of the learning rate on an inner split, and write which suits each loss (`rates.csv`, `rates.md`).

Not a stage of `dvc.yaml`: its result goes into params.yaml by hand, before the study is trained. Given again after an
interruption it goes on; the checkpoints go once both files are written.
"""

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from cedice import paths
from cedice.data import slices
from cedice.files import sha256, write_csv, write_text
from cedice.params import LOSSES, check_name
from cedice.paths import Training
from cedice.pipeline.stage import Job, run
from cedice.reporting.rates import markdown
from cedice.training import checkpoints, hardware, rates, settings
from cedice.training.forward import Tensors
from cedice.training.loop import train


def write(job: Job) -> None:
    hardware.require(job.study, job.settings.hardware)
    hardware.tune()
    rows, files = [], []
    for dataset in rates.EPOCHS:
        check_name("dataset", dataset, tuple(job.settings.epochs))
    for dataset in rates.EPOCHS:
        found, kept = compare(job, dataset)
        rows += found
        files += kept
    table, folder = pd.DataFrame(rows), paths.reports(job.study)
    best = rates.chosen(table)
    write_csv(folder / "rates.csv", table, float_format="%.6g")
    write_text(folder / "rates.md", markdown(table, best, rates.MEASURE, job.study))
    for file in files:
        checkpoints.discard(file)
    told = ", ".join(f"{loss}: {rate:g}" for loss, rate in best.items())
    print(f"{folder / 'rates.md'} written; put {{{told}}} into {job.study}.train.learning_rate of params.yaml")


def compare(job: Job, dataset: str) -> tuple[list[dict[str, Any]], list[Path]]:
    """A row for each loss and candidate, and the checkpoint of each."""
    arrays, index = paths.slices(job.study, dataset)
    data = slices.load(arrays, index)
    outer = data.rows("train", rates.SEED)
    sides = [outer[side] for side in rates.inner(data.index["patient"].iloc[outer].to_list())]
    whole = Tensors.of(data.images, data.masks, hardware.device())
    train_data, val_data = map(whole.part, sides)
    # The inner split is in the key: the same settings also train on the whole side.
    inputs = {
        "slices_sha256": sha256(arrays),
        "index_sha256": sha256(index),
        "device": hardware.device_name(),
        "split": "inner",
    }
    of_dataset = replace(job, given={"dataset": dataset})  # of its slices: no record is there yet
    rows, files = [], []
    for loss, rate in itertools.product(LOSSES, rates.CANDIDATES):
        training = Training(job.study, dataset, loss, rates.SEED)
        given = settings.of(job.params, training, len(of_dataset.classes(dataset)))
        given = replace(given, learning_rate=rate, epochs=rates.EPOCHS[dataset])
        file = checkpoints.path(checkpoints.key(given.described() | inputs))
        history = train(train_data, val_data, given, file, f"{training} rate {rate:g}").history
        told = {measure: history[-1][measure] for measure in ("dice_foreground", rates.MEASURE)}
        cost = {"minutes": sum(row["seconds"] for row in history) / 60, "device": inputs["device"]}
        sizes = {"train_slices": len(train_data), "val_slices": len(val_data)}
        rows.append({"dataset": dataset, "loss": loss, "learning_rate": rate, "epochs": given.epochs, **sizes, **told, **cost})
        files.append(file)
    return rows, files


if __name__ == "__main__":
    run(write)
