"""Draw the figures of a study, 1 to 7 of the paper's. "without-slices" leaves out 2 and 3, whose images Git does not hold."""

import pandas as pd

from cedice import figures, paths, slices, verdict
from cedice.files import read_arrays
from cedice.paper import TABLE_1, titles
from cedice.params import ARMS
from cedice.stage import Job, run


def plot(job: Job) -> None:
    seeds = job.settings.seeds
    note = f"study {job.study}" + (", synthetic data" if job.synthetic else "")
    alphas = {arm: f"{getattr(job.params.loss, arm).alpha:g}" for arm in ARMS}
    network = job.settings.train.model_dump(include={"base_channels", "depth", "norm", "padding"})
    classes = max(len(job.source_of(dataset).CLASSES) for dataset in job.datasets)
    drawn = {1: figures.network({"in_channels": 1, "out_channels": 1 if classes == 2 else classes, **network})}
    if job.figures == "all":
        validation = {dataset: slices.load(*paths.slices(job.study, dataset)).part("val") for dataset in job.datasets}
        for number, arm in ((2, "ce"), (3, "ce_dl")):
            files = {dataset: paths.predictions(job.study, dataset, arm, seeds[0]) for dataset in job.datasets}
            labels = {dataset: read_arrays(file, "labels")[0] for dataset, file in files.items()}
            title = f"Figure {number}. Five validation slices, α = {alphas[arm]} ({note}, seed {seeds[0]})"
            drawn[number] = figures.predictions(validation, labels, title)
    numbers = verdict.figures(job.datasets)
    for dataset, title in titles(job.datasets).items():
        number, paper = numbers[dataset]["dice"], None if job.synthetic else TABLE_1.get(dataset)
        histories = {arm: [pd.read_csv(paths.history(job.study, dataset, arm, seed)) for seed in seeds] for arm in ARMS}
        spread = f"; mean, lowest and highest of {len(seeds)} seeds" if len(seeds) > 1 else ""
        heading = f"Figure {number}. {title} validation set over the epochs ({note}{spread})"
        drawn[number] = figures.curves(histories, alphas, heading, paper)
    profiles = {
        dataset: {arm: [pd.read_csv(paths.errors(job.study, dataset, arm, seed)) for seed in seeds] for arm in ARMS}
        for dataset in job.datasets
    }
    number = numbers[job.datasets[0]]["border"]
    drawn[number] = figures.errors(profiles, alphas, f"Figure {number}. Errors by distance to the true border ({note})")
    targets = pd.read_csv(paths.reports(job.study) / "targets.csv")
    number = numbers[job.datasets[0]]["small_targets"]
    drawn[number] = figures.sizes(targets, alphas, f"Figure {number}. Dice of targets by size ({note})")
    for number, figure in drawn.items():
        figures.save(figure, paths.figures(job.study) / f"figure{number}.png")
    print(f"{len(drawn)} figures in {paths.figures(job.study)}")


if __name__ == "__main__":
    run(plot, "figures")
