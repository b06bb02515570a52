"""Write where the noise of the differences comes from (`noise.md`, `noise.csv`, `noise.png`)."""

from cedice import paths
from cedice.analysis import noise
from cedice.evaluation.counts import load_epochs
from cedice.evaluation.runs import decisive, load, seeds
from cedice.files import save_figure, write_csv, write_text
from cedice.params import LOSSES
from cedice.pipeline.stage import Job, run
from cedice.reporting.noise import figure, markdown


def budget(job: Job) -> None:
    runs, units, folder = load(job.trainings), {name: job.unit(name) for name in job.datasets}, paths.reports(job.study)
    kept = all(paths.epochs(training).is_file() for training in job.trainings)
    readings = {
        training.key: noise.readings(load_epochs(paths.epochs(training))) if kept else noise.after_the_last(runs, training.key)
        for training in job.trainings
    }
    table = noise.budget(readings, tuple(runs), units, {name: job.folds(name) for name in job.datasets})
    hours = {
        dataset: sum(
            runs["last"][dataset, loss, seed].record["wall_seconds"] for loss in LOSSES for seed in seeds(runs["last"], dataset)
        )
        / (3600 * len(seeds(runs["last"], dataset)))
        for dataset in job.datasets
    }
    hour = noise.next_hour(table[table["readout"] == decisive(runs)], hours)
    write_csv(folder / "noise.csv", table, float_format="%.6g")
    machine = "CPU" if any("CPU" in run.record["device"] for run in runs["last"].values()) else "GPU"
    text = markdown(table, noise.schedules(runs), hour, job.study, job.synthetic, job.params.margins.dice, machine)
    write_text(folder / "noise.md", text)
    save_figure(figure(table, job.note), folder / "noise.png")
    print(f"{folder / 'noise.md'} written")


if __name__ == "__main__":
    run(budget)
