"""Draw Figures 2 and 3, five validation slices with the averaged networks' predictions: the only figures that need images."""

from pathlib import Path

import numpy as np

from cedice import paths
from cedice.data import slices
from cedice.data.grid import Grid, pixel_size
from cedice.data.slices import Slices, shaped
from cedice.files import read_arrays, replacing, save_figure
from cedice.paper import PAIR
from cedice.paths import Training
from cedice.pipeline.stage import Job, run
from cedice.reporting.samples import choose, counted, predictions


def samples(job: Job) -> None:
    first = {dataset: job.settings.seeds_of(dataset)[0] for dataset in job.datasets}
    loaded = {dataset: slices.load(*paths.slices(job.study, dataset)) for dataset in job.datasets}
    validation = {dataset: whole.part("val", first[dataset]) for dataset, whole in loaded.items()}
    with replacing(paths.samples(job.study), folder=True) as new:
        for number, loss in enumerate(PAIR, start=2):
            files = {
                dataset: paths.labels(Training(job.study, dataset, loss, first[dataset]), "averaged")
                for dataset in job.datasets
            }
            labels = {dataset: _labels(job, file, dataset, validation[dataset]) for dataset, file in files.items()}
            slices_shown = counted(len(choose(val)) for val in validation.values())
            title = f"Figure {number}. {slices_shown}, α = {job.alphas[loss]} ({job.note}, first seed, averaged)"
            save_figure(predictions(validation, labels, title), new / f"figure{number}.jpg")
    print(f"Figures 2 and 3 in {paths.samples(job.study)}")


def _labels(job: Job, file: Path, dataset: str, val: Slices) -> np.ndarray:
    """(N, size, size), as the images are."""
    labels = read_arrays(file, "labels")[0]
    if val.native is None:
        return labels
    grid = Grid(**job.settings.grid_of(dataset).model_dump())
    places = zip(shaped(labels, val.index, file), val.index.to_dict("records"), strict=True)
    return np.stack([grid.labels(each, pixel_size(grid, place, file)) for each, place in places])


if __name__ == "__main__":
    run(samples)
