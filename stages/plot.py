"""Draw the figures of a study that need no image: 1, and from 4 on; the verdict, the noise and the difference by epoch as
pictures (`forest.png`, `thresholds.png`, `noise.png`, `difference.png`)."""

import math
from collections.abc import Iterator

from matplotlib.figure import Figure

from cedice import paths
from cedice.analysis.difference import over_epochs
from cedice.analysis.pairs import of_pair
from cedice.evaluation import record
from cedice.evaluation.runs import Runs, decisive
from cedice.files import replacing, save_figure
from cedice.networks import arguments
from cedice.paper import PAIR, READOUT_TITLES, TABLE_1, figure_numbers, titles
from cedice.pipeline.stage import Job, run
from cedice.reporting import decision, difference, figures, forest, noise
from cedice.reporting.network import network as draw_network
from cedice.tables import read_table


def plot(job: Job) -> None:
    runs, folder = of_pair(job.runs()), paths.reports(job.study)
    with replacing(paths.figures(job.study), folder=True) as new:
        for number, figure in [network(job), *curves(job, runs), errors(job, decisive(runs)), sizes(job)]:
            save_figure(figure, new / f"figure{number}.png")
    judged = read_table(folder / "verdict.csv")
    if job.synthetic:  # the paper's differences stand beside real data only
        judged["paper"] = math.nan
    save_figure(forest.forest(judged, job.note), folder / "forest.png")
    curves_, ruled = (read_table(folder / f"{name}.csv") for name in ("thresholds", "decision"))
    shown = decisive(runs)
    curves_, ruled = (part[part["readout"] == shown] for part in (curves_, ruled))
    save_figure(decision.figure(curves_, ruled, job.note, shown), folder / "thresholds.png")
    save_figure(noise.figure(read_table(folder / "noise.csv"), job.note), folder / "noise.png")
    save_figure(difference.figure(over_epochs(runs), job.note, job.params.margins.dice), folder / "difference.png")
    print(f"figures in {paths.figures(job.study)}")


def network(job: Job) -> tuple[int, Figure]:
    train = job.settings.train
    classes = max(len(job.classes(dataset)) for dataset in job.datasets)
    sizes = [job.settings.grid_of(dataset).size for dataset in job.datasets]
    return 1, draw_network(arguments(train.network, classes, train.model_dump()), max(sizes))


def curves(job: Job, by_readout: dict[str, Runs]) -> Iterator[tuple[int, Figure]]:
    for dataset, title in titles(job.datasets).items():
        count = len(job.settings.seeds_of(dataset))
        spread = f"; mean, lowest and highest of {count} seeds" if count > 1 else ""
        number = figure_numbers(job.datasets)[dataset]["dice"]
        histories = {
            readout: {loss: [run.history for key, run in runs.items() if key[:2] == (dataset, loss)] for loss in PAIR}
            for readout, runs in by_readout.items()
        }
        heading = f"Figure {number}. {title} validation set over the epochs ({job.note}{spread})"
        paper = None if job.synthetic else TABLE_1.get(dataset)
        yield number, figures.curves(histories, job.alphas, heading, paper)


def errors(job: Job, readout: str) -> tuple[int, Figure]:
    number = figure_numbers(job.datasets)[job.datasets[0]]["border"]
    tables = record.by_network(job.table("errors"))[readout]
    profiles = {
        dataset: {loss: [rows for key, rows in tables.items() if key[:2] == (dataset, loss)] for loss in PAIR}
        for dataset in job.datasets
    }
    title = f"Figure {number}. Errors by distance to the true border ({job.note}; network: {READOUT_TITLES[readout]})"
    return number, figures.errors(profiles, job.alphas, title)


def sizes(job: Job) -> tuple[int, Figure]:
    number = figure_numbers(job.datasets)[job.datasets[0]]["small_targets"]
    targets = read_table(paths.reports(job.study) / "targets.csv")
    targets = targets[targets["readout"] == decisive(targets["readout"])]
    return number, figures.sizes(targets, job.alphas, f"Figure {number}. Dice of targets by size ({job.note})")


if __name__ == "__main__":
    run(plot)
