"""Draw Figures 2 and 3, five validation slices with the averaged networks' predictions: the only figures that need images."""

from cedice import paths
from cedice.data import slices
from cedice.files import read_arrays, replacing, save_figure
from cedice.params import LOSSES
from cedice.paths import Training
from cedice.pipeline.stage import Job, run
from cedice.reporting.samples import predictions


def samples(job: Job) -> None:
    first = {dataset: job.settings.seeds_of(dataset)[0] for dataset in job.datasets}
    loaded = {dataset: slices.load(*paths.slices(job.study, dataset)) for dataset in job.datasets}
    validation = {dataset: whole.part("val", first[dataset]) for dataset, whole in loaded.items()}
    with replacing(paths.samples(job.study), folder=True) as new:
        for number, loss in enumerate(LOSSES, start=2):
            files = {
                dataset: paths.predictions(Training(job.study, dataset, loss, first[dataset]), "averaged")
                for dataset in job.datasets
            }
            labels = {dataset: read_arrays(file, "labels")[0] for dataset, file in files.items()}
            title = f"Figure {number}. Five validation slices, α = {job.alphas[loss]} ({job.note}, first seed, averaged)"
            save_figure(predictions(validation, labels, title), new / f"figure{number}.png")
    print(f"Figures 2 and 3 in {paths.samples(job.study)}")


if __name__ == "__main__":
    run(samples)
