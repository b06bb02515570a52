"""Judge the paper's statements (`verdict.csv`, `verdict.md`, `forest.png`) from counts, border distances and targets, and what
experts ask besides (`beyond.csv`) from calibration and volumes where there are any."""

import json
import math
from pathlib import Path

import pandas as pd

from cedice import paths
from cedice.analysis import beyond, chance, peers
from cedice.analysis.verdict import Measured, judge
from cedice.evaluation.counts import check_units, load_counts
from cedice.evaluation.runs import Runs, decisive, load
from cedice.files import save_figure, write_csv, write_text
from cedice.paths import Training
from cedice.pipeline.stage import Job, run
from cedice.reporting.forest import forest
from cedice.reporting.verdict import markdown
from cedice.tables import read_table


def verdict(job: Job) -> None:
    runs, folder = load(job.trainings), paths.reports(job.study)
    table, asked = _judged(job, tuple(runs))
    write_csv(folder / "verdict.csv", table, float_format="%.6g")
    write_csv(folder / "beyond.csv", asked, float_format="%.6g")
    by_chance = None if job.synthetic else chance.table(runs)
    rests = decisive(runs)
    published = _published(job, runs[rests], rests) if job.settings.split == "folds" else None
    text = markdown(table, asked, job.study, job.synthetic, _last_epochs(folder), by_chance, published, job.untrained)
    write_text(folder / "verdict.md", text)
    if job.synthetic:  # the paper's differences stand beside real data only
        table["paper"] = math.nan
    save_figure(forest(table, job.note), folder / "forest.png")
    print(f"{folder / 'verdict.md'} written")


def _judged(job: Job, readouts: tuple[str, ...]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The paper's statements, and what experts ask besides, of each network."""
    units, folds = {name: job.unit(name) for name in job.datasets}, {name: job.folds(name) for name in job.datasets}
    classes, margins = {name: job.classes(name) for name in job.datasets}, job.params.margins.model_dump()
    judged: list[pd.DataFrame] = []
    asked: list[pd.DataFrame] = []
    for readout in readouts:
        study = {training.key: _measured(job, training, readout) for training in job.trainings}
        for name in job.datasets:
            counts = {key[1:]: measured.counts for key, measured in study.items() if key[0] == name}
            check_units(counts, job.record(name)["validation_patients"], folds[name], name)
        more = {training.key: _asked(training, readout, study[training.key].counts) for training in job.trainings}
        for tables, table in (
            (judged, judge(study, units, margins, folds)),
            (asked, beyond.judge(more, classes, units, folds)),
        ):
            table.insert(0, "readout", readout)
            tables.append(table)
    return pd.concat(judged, ignore_index=True), pd.concat(asked, ignore_index=True)


def _published(job: Job, runs: Runs, readout: str) -> pd.DataFrame:
    """Ours in the averages of published numbers."""
    files = {training.key: paths.calibration(training, readout) for training in job.trainings}
    bins = {key: read_table(file) for key, file in files.items() if file.is_file()}
    return peers.table({key: run.counts for key, run in runs.items()}, bins, {name: job.folds(name) for name in job.datasets})


def _last_epochs(folder: Path) -> dict[str, dict[str, dict[str, float | None]]]:
    """{network: {data set: {metric: mean difference over the last epochs}}}."""
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    return {
        readout: {
            dataset: {metric: tail["mean"] for metric, tail in numbers["ce_dl_minus_ce_last_epochs"]["foreground"].items()}
            for dataset, numbers in datasets.items()
        }
        for readout, datasets in summary.items()
    }


def _measured(job: Job, training: Training, readout: str) -> Measured:
    counts = load_counts(paths.counts(training, readout), len(job.classes(training.dataset)))
    return Measured(counts, read_table(paths.surfaces(training, readout)), read_table(paths.targets(training, readout)))


def _asked(training: Training, readout: str, counts: pd.DataFrame) -> beyond.Asked:
    files = (path(training, readout) for path in (paths.volumes, paths.calibration))
    return beyond.Asked(counts, *(read_table(file) if file.is_file() else None for file in files))


if __name__ == "__main__":
    run(verdict)
