"""Train a network with one loss and seed; write both its networks, one history row per epoch (empty cells where no validation
was due), the counts of the last epochs, and a record of the run.

Runs alone, or as several processes under `torchrun`, of which the first writes.
"""

import json

import pandas as pd

from cedice import paths
from cedice.data import slices
from cedice.files import replacing, sha256, write_csv, write_json
from cedice.networks import check_size
from cedice.pipeline.stage import Job, run
from cedice.training import checkpoints, distributed, epochs, hardware, provenance, settings, weights
from cedice.training.forward import Tensors
from cedice.training.loop import train


def write(job: Job) -> None:
    hardware.require(job.study, job.settings.hardware)
    hardware.tune()
    device = hardware.device()
    arrays, index = paths.slices(job.study, job.dataset)
    data = slices.load(arrays, index)
    data_sha256 = json.loads(paths.source(job.study, job.dataset).read_text())["sha256"]
    given = settings.of(job.params, job.training, len(job.classes(job.dataset)))
    check_size(given.network(), *data.images.shape[1:])
    whole = Tensors.of(data.images, data.masks, device)
    val = data.rows("val", job.training.seed)
    train_data, val_data = whole.part(data.drawn(given.patients, given.seed)), whole.part(val)
    inputs = {"slices_sha256": sha256(arrays), "index_sha256": sha256(index)}
    revision = provenance.revision()  # of the code now loaded, not of what the work tree holds hours later
    with distributed.group(device):
        name = hardware.device_name()
        checkpoint = checkpoints.path(checkpoints.key(given.described() | inputs | {"device": name}))
        trained = train(train_data, val_data, given, checkpoint, str(job.training))
        if distributed.rank():
            return
    record = {
        "device": name,
        "versions": provenance.versions(),
        "settings": given.described(),
        "wall_seconds": round(sum(row["seconds"] for row in trained.history), 1),
        "peak_memory_mb": hardware.peak_memory_mb(),
        "revision": revision,
        "data_sha256": data_sha256,
        **({} if data.native is None else {"grid": job.settings.grid_of(job.dataset).model_dump()}),
        **inputs,
    }
    with replacing(paths.trained(job.training), folder=True) as new:
        weights.save(new / "weights.safetensors", trained.networks, given, inputs)
        # The last row has every column; as objects, so that whole numbers stay whole beside empty cells.
        history = pd.DataFrame(trained.history, columns=list(trained.history[-1]), dtype=object)
        write_csv(new / "history.csv", history)
        epochs.save(new / "epochs.csv.gz", epochs.table(trained.counts, given.epochs, data.index.iloc[val]))
        write_json(new / "run.json", record)
    checkpoints.discard(checkpoint)


if __name__ == "__main__":
    run(write, "dataset", "loss", "seed")
