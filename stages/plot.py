"""Draw the figures of a study from 4 on, which need neither an image nor the network; the verdict, the noise and the difference
by epoch (`forest.png`, `thresholds.png`, `noise.png`, `difference.png`). Then put all of its results on one self-contained page
(`index.html`)."""

import math
from collections.abc import Iterator

from matplotlib.figure import Figure

from cedice import paths
from cedice.analysis.difference import over_epochs
from cedice.analysis.pairs import of_pair
from cedice.evaluation import record
from cedice.evaluation.runs import Runs, decisive
from cedice.files import replacing, save_figure, write_text
from cedice.paper import PAIR, READOUT_TITLES, TABLE_1, figure_numbers, titles
from cedice.pipeline.stage import Job, run
from cedice.reporting import decision, difference, figures, forest, noise
from cedice.reporting.page import render
from cedice.tables import read_table


def plot(job: Job) -> None:
    runs, tables = of_pair(job.runs()), paths.tables(job.study)
    shown = decisive(runs)
    judged = read_table(tables / "verdict.csv")
    if job.synthetic:  # the paper's differences stand beside real data only
        judged["paper"] = math.nan
    thresholds, ruled = (read_table(tables / f"{name}.csv") for name in ("thresholds", "decision"))
    thresholds, ruled = (part[part["readout"] == shown] for part in (thresholds, ruled))
    with replacing(paths.figures(job.study), folder=True) as new:
        for number, figure in [*curves(job, runs), errors(job, shown), sizes(job)]:
            save_figure(figure, new / f"figure{number}.png")
        save_figure(forest.forest(judged, job.note), new / "forest.png")
        save_figure(decision.figure(thresholds, ruled, job.note, shown), new / "thresholds.png")
        save_figure(noise.figure(read_table(tables / "noise.csv"), job.note), new / "noise.png")
        save_figure(difference.figure(over_epochs(runs), job.note, job.params.margins.dice), new / "difference.png")
    print(f"figures in {paths.figures(job.study)}")
    page = paths.reports(job.study) / "index.html"
    write_text(page, render(job.study, runs, job.params.loss.ce_dl.alpha, job.synthetic))
    print(f"{page} written")


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
    targets = read_table(paths.tables(job.study) / "targets.csv")
    targets = targets[targets["readout"] == decisive(targets["readout"])]
    return number, figures.sizes(targets, job.alphas, f"Figure {number}. Dice of targets by size ({job.note})")


if __name__ == "__main__":
    run(plot)
