"""Obtain a data set's files (the archive, or the phantom of the demo) and say what was obtained."""

from cedice import paths
from cedice.data import archives, registry
from cedice.data.phantoms import generate
from cedice.files import write_json
from cedice.pipeline.stage import Job, run


def download(job: Job) -> None:
    if job.settings.hardware == "gpu":
        from cedice.training import hardware  # noqa: PLC0415  (loads PyTorch, which takes seconds)

        hardware.require(job.study, job.settings.hardware)  # before a download of gigabytes, not after it
    source, destination = registry.find(job.dataset, job.params.datasets), paths.raw(job.study, job.dataset)
    if job.settings.source.kind == "phantom":
        obtained = generate.obtain(job.dataset, job.settings.source.patients, job.settings.source.seed, destination)
    else:
        obtained = archives.obtain(source, destination)
    write_json(paths.source(job.study, job.dataset), obtained)
    origin = obtained["origin"] if isinstance(obtained["origin"], str) else " and ".join(obtained["origin"])
    print(f"{job.title(source.name)}: {obtained['volumes']} volumes, {obtained['bytes'] / 1e6:.1f} MB from {origin}")


if __name__ == "__main__":
    run(download, "dataset")
