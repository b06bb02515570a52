"""Draw Figures 1 to 7 of a study. "without-slices" leaves out 2 and 3, which show images that Git does not hold."""

import pandas as pd

from cedice import figures, paths, slices
from cedice.files import read_arrays
from cedice.params import ARMS, DATASETS
from cedice.stage import Job, run


def plot(job: Job) -> None:
    real = job.settings.source.kind == "archive"
    seeds = job.settings.seeds
    note = f"study {job.study}" + ("" if real else ", synthetic data")
    alphas = {arm: f"{getattr(job.params.loss, arm).alpha:g}" for arm in ARMS}
    network = job.settings.train.model_dump(include={"base_channels", "depth", "norm", "padding"})
    drawn = {1: figures.network({"in_channels": 1, "out_channels": 4, **network})}
    if job.figures == "all":
        validation = {dataset: slices.load(*paths.slices(job.study, dataset)).part("val") for dataset in DATASETS}
        for number, arm in ((2, "ce"), (3, "ce_dl")):
            files = {dataset: paths.predictions(job.study, dataset, arm, seeds[0]) for dataset in DATASETS}
            labels = {dataset: read_arrays(file, "labels")[0] for dataset, file in files.items()}
            title = f"Figure {number}. Five validation slices, α = {alphas[arm]} ({note}, seed {seeds[0]})"
            drawn[number] = figures.predictions(validation, labels, title)
    for number, dataset in ((4, "covid19"), (5, "acdc")):
        histories = {arm: [pd.read_csv(paths.history(job.study, dataset, arm, seed)) for seed in seeds] for arm in ARMS}
        spread = f"; mean, lowest and highest of {len(seeds)} seeds" if len(seeds) > 1 else ""
        title = f"Figure {number}. {figures.DATASET_TITLES[dataset]} validation set over the epochs ({note}{spread})"
        drawn[number] = figures.curves(histories, alphas, dataset, title, with_paper=real)
    profiles = {
        dataset: {arm: [pd.read_csv(paths.errors(job.study, dataset, arm, seed)) for seed in seeds] for arm in ARMS}
        for dataset in DATASETS
    }
    drawn[6] = figures.errors(profiles, alphas, f"Figure 6. Errors by distance to the true border ({note})")
    targets = pd.read_csv(paths.reports(job.study) / "targets.csv")
    drawn[7] = figures.sizes(targets, alphas, f"Figure 7. Dice of targets by size ({note})")
    for number, figure in drawn.items():
        figures.save(figure, paths.figures(job.study) / f"figure{number}.png")
    print(f"{len(drawn)} figures in {paths.figures(job.study)}")


if __name__ == "__main__":
    run(plot, "figures")
