"""Train the U-Net of one arm; write its weights, one history row per epoch, and a record of the run."""

import json

import pandas as pd

from cedice import checkpoints, hardware, paths, provenance, slices, weights
from cedice.datasets import SOURCES
from cedice.files import replacing, sha256, write_json
from cedice.stage import Job, run
from cedice.training import Settings, Tensors, train


def train_arm(job: Job) -> None:
    hardware.require(job.study, job.settings.hardware)
    arrays, index = paths.slices(job.study, job.dataset)
    data, device = slices.load(arrays, index), hardware.device()
    options = job.settings.train.model_dump()
    settings = Settings(
        classes=len(SOURCES[job.dataset].CLASSES),
        alpha=getattr(job.params.loss, job.loss).alpha,
        epochs=getattr(job.settings.epochs, job.dataset),
        autocast=hardware.autocast_dtype(options.pop("precision")),
        **options,
    )
    parts = [data.part(split) for split in ("train", "val")]
    tensors = [Tensors.of(part.images, part.masks, device) for part in parts]
    inputs = {"slices_sha256": sha256(arrays), "index_sha256": sha256(index)}
    decisive = settings.described() | inputs | {"device": hardware.device_name()}
    checkpoint = checkpoints.path(checkpoints.key(decisive))
    revision = provenance.revision()  # of the code now loaded, not of what the work tree holds hours later
    model, history = train(*tensors, settings, checkpoint, f"{job.study} {job.dataset} {job.loss}")
    weights.save(paths.weights(job.study, job.dataset, job.loss), model, settings, inputs)
    with replacing(paths.history(job.study, job.dataset, job.loss)) as new:
        pd.DataFrame(history).to_csv(new, index=False, lineterminator="\n")
    record = {
        "device": hardware.device_name(),
        "versions": provenance.versions(),
        "settings": settings.described(),
        "wall_seconds": round(sum(row["seconds"] for row in history), 1),
        "revision": revision,
        "data_sha256": json.loads(paths.source(job.study, job.dataset).read_text())["sha256"],
        **inputs,
    }
    write_json(paths.run_record(job.study, job.dataset, job.loss), record)
    checkpoint.unlink()


if __name__ == "__main__":
    run(train_arm, "dataset", "loss")
