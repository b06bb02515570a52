"""Turn a data set's volumes into 256×256 slices with an index table, and hold real data against what is known of it."""

from cedice import paths, slices
from cedice.files import write_json
from cedice.stage import Job, run


def preprocess(job: Job) -> None:
    source = job.source
    made = slices.build(source, source.cases(paths.raw(job.study, job.dataset)), job.settings.split)
    summary = slices.summary(made, source.CLASSES)
    if source.FACTS and not job.synthetic:
        slices.check_facts(summary, source.FACTS, source.NAME)
    slices.save(made, *paths.slices(job.study, job.dataset))
    write_json(paths.slices_summary(job.study, job.dataset), summary)
    shares = ", ".join(f"{name} {found['fraction']:.2%}" for name, found in summary["classes"].items())
    print(f"{source.NAME}: {summary['slices']} slices ({summary['train']} train, {summary['val']} val); {shares}")


if __name__ == "__main__":
    run(preprocess, "dataset")
