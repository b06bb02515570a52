"""Train the U-Net of one arm and seed; write its weights, one history row per epoch, and a record of the run.

Runs alone, or as several processes under `torchrun`, of which the first writes.
"""

import json

import pandas as pd

from cedice import checkpoints, distributed, hardware, paths, provenance, slices, weights
from cedice.files import replacing, sha256, write_json
from cedice.stage import Job, run
from cedice.training import Settings, Tensors, train


def train_arm(job: Job) -> None:
    hardware.require(job.study, job.settings.hardware)
    hardware.tune()
    device = hardware.device()
    arrays, index = paths.slices(job.study, job.dataset)
    data = slices.load(arrays, index)
    data_sha256 = json.loads(paths.source(job.study, job.dataset).read_text())["sha256"]
    options = job.settings.train.model_dump()
    settings = Settings(
        classes=len(job.source.CLASSES),
        alpha=getattr(job.params.loss, job.loss).alpha,
        epochs=job.epochs,
        precision=hardware.precision(options.pop("precision")),
        seed=job.seed,
        **options,
    )
    whole = Tensors.of(data.images, data.masks, device)
    train_data, val_data = (whole.part(data.rows(split)) for split in ("train", "val"))
    inputs = {"slices_sha256": sha256(arrays), "index_sha256": sha256(index)}
    revision = provenance.revision()  # of the code now loaded, not of what the work tree holds hours later
    with distributed.group(device):
        name = hardware.device_name()
        checkpoint = checkpoints.path(checkpoints.key(settings.described() | inputs | {"device": name}))
        model, history = train(train_data, val_data, settings, checkpoint, job.name)
        if distributed.rank():
            return
    weights.save(paths.weights(*job.arm), model, settings, inputs)
    with replacing(paths.history(*job.arm)) as new:
        pd.DataFrame(history).to_csv(new, index=False, lineterminator="\n")
    record = {
        "device": name,
        "versions": provenance.versions(),
        "settings": settings.described(),
        "wall_seconds": round(sum(row["seconds"] for row in history), 1),
        "peak_memory_mb": hardware.peak_memory_mb(),
        "revision": revision,
        "data_sha256": data_sha256,
        **inputs,
    }
    write_json(paths.run_record(*job.arm), record)
    checkpoints.discard(checkpoint)


if __name__ == "__main__":
    run(train_arm, "dataset", "loss", "seed")
