"""Turn a data set's volumes into slices on its grid, with an index table, and hold real data against what is known of it."""

from cedice import paths
from cedice.data import preprocess, registry
from cedice.data.grid import Grid
from cedice.files import write_json
from cedice.pipeline.stage import Job, run


def write(job: Job) -> None:
    source = registry.find(job.dataset, job.params.datasets)
    grid = Grid(**job.settings.grid_of(job.dataset).model_dump())
    slices = preprocess.build(source, source.cases(paths.raw(job.study, job.dataset)), job.settings.split, grid)
    record = preprocess.summary(slices, source)
    if source.facts and not job.synthetic:
        preprocess.check_facts(record, source.facts, source.name)
    preprocess.save(slices, *paths.slices(job.study, job.dataset))
    write_json(paths.summary(job.study, job.dataset), record)
    shares = ", ".join(f"{name} {found['fraction']:.2%}" for name, found in record["classes"].items())
    parts = f"{record['folds']} folds" if "folds" in record else f"{record['train']} train, {record['val']} val"
    print(f"{job.title(source.name)}: {record['slices']} slices ({parts}); {shares}")


if __name__ == "__main__":
    run(write, "dataset")
