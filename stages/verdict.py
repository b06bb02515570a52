"""Judge the paper's statements (`verdict.csv`, `verdict.md`, `forest.png`) from counts, border distances and targets."""

import json
import math
from pathlib import Path

import pandas as pd

from cedice import paths
from cedice.analysis import chance
from cedice.analysis.verdict import Measured, judge
from cedice.evaluation.counts import check_units, load_counts
from cedice.evaluation.runs import load
from cedice.files import save_figure, write_csv, write_text
from cedice.paths import Training
from cedice.pipeline.stage import Job, run
from cedice.reporting.forest import forest
from cedice.reporting.verdict import markdown
from cedice.tables import read_table


def verdict(job: Job) -> None:
    units, margins = {dataset: job.unit(dataset) for dataset in job.datasets}, job.params.margins.model_dump()
    runs, judged = load(job.trainings), []
    for readout in runs:
        study = {training.key: _measured(job, training, readout) for training in job.trainings}
        judged.append(judge(study, units, margins).assign(readout=readout))
    table = pd.concat(judged, ignore_index=True)
    table.insert(0, "readout", table.pop("readout"))
    folder = paths.reports(job.study)
    write_csv(folder / "verdict.csv", table, float_format="%.6g")
    by_chance = None if job.synthetic else chance.table(runs)
    write_text(folder / "verdict.md", markdown(table, job.study, job.synthetic, _last_epochs(folder), by_chance))
    if job.synthetic:  # the paper's differences stand beside real data only
        table["paper"] = math.nan
    save_figure(forest(table, job.note), folder / "forest.png")
    print(f"{folder / 'verdict.md'} written")


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
    table = paths.counts(training, readout)
    counts = load_counts(table, len(job.classes(training.dataset)))
    check_units(counts, job.record(training.dataset)["validation_patients"], table)
    return Measured(counts, read_table(paths.surfaces(training, readout)), read_table(paths.targets(training, readout)))


if __name__ == "__main__":
    run(verdict)
