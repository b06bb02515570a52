"""Draw the figures of a study that need no image: 1, and from 4 on."""

from collections.abc import Iterator

import pandas as pd
from matplotlib.figure import Figure

from cedice import paths
from cedice.evaluation.runs import decisive, load, readouts
from cedice.files import replacing, save_figure
from cedice.networks import arguments
from cedice.paper import READOUT_TITLES, TABLE_1, figure_numbers, titles
from cedice.params import LOSSES
from cedice.paths import Training
from cedice.pipeline.stage import Job, run
from cedice.reporting import figures
from cedice.reporting.network import network as draw_network
from cedice.tables import read_table


def plot(job: Job) -> None:
    with replacing(paths.figures(job.study), folder=True) as new:
        for number, figure in [network(job), *curves(job), errors(job), sizes(job)]:
            save_figure(figure, new / f"figure{number}.png")
    print(f"figures in {paths.figures(job.study)}")


def network(job: Job) -> tuple[int, Figure]:
    train = job.settings.train
    classes = max(len(job.classes(dataset)) for dataset in job.datasets)
    sizes = [job.settings.grid_of(dataset).size for dataset in job.datasets]
    return 1, draw_network(arguments(train.network, classes, train.model_dump()), max(sizes))


def curves(job: Job) -> Iterator[tuple[int, Figure]]:
    by_readout = load(job.trainings)
    for dataset, title in titles(job.datasets).items():
        count = len(job.settings.seeds_of(dataset))
        spread = f"; mean, lowest and highest of {count} seeds" if count > 1 else ""
        number = figure_numbers(job.datasets)[dataset]["dice"]
        chosen = {readout: {key: run for key, run in runs.items() if key[0] == dataset} for readout, runs in by_readout.items()}
        histories = {
            readout: {loss: [run.history for key, run in runs.items() if key[1] == loss] for loss in LOSSES}
            for readout, runs in chosen.items()
        }
        heading = f"Figure {number}. {title} validation set over the epochs ({job.note}{spread})"
        paper = None if job.synthetic else TABLE_1.get(dataset)
        yield number, figures.curves(histories, job.alphas, heading, paper)


def errors(job: Job) -> tuple[int, Figure]:
    number = figure_numbers(job.datasets)[job.datasets[0]]["border"]
    readout = decisive(readouts(job.trainings))
    profiles = {
        dataset: {loss: [pd.read_csv(paths.errors(each, readout)) for each in _of(job, dataset, loss)] for loss in LOSSES}
        for dataset in job.datasets
    }
    title = f"Figure {number}. Errors by distance to the true border ({job.note}; network: {READOUT_TITLES[readout]})"
    return number, figures.errors(profiles, job.alphas, title)


def sizes(job: Job) -> tuple[int, Figure]:
    number = figure_numbers(job.datasets)[job.datasets[0]]["small_targets"]
    targets = read_table(paths.reports(job.study) / "targets.csv")
    targets = targets[targets["readout"] == decisive(targets["readout"])]
    return number, figures.sizes(targets, job.alphas, f"Figure {number}. Dice of targets by size ({job.note})")


def _of(job: Job, dataset: str, loss: str) -> list[Training]:
    return [training for training in job.trainings if training.key[:2] == (dataset, loss)]


if __name__ == "__main__":
    run(plot)
