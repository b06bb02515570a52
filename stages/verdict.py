"""Judge the paper's statements (`verdict.csv`, `verdict.md`, `forest.png`) from counts, border distances and targets."""

import json
import math

from cedice import paths
from cedice.analysis import chance
from cedice.analysis.verdict import Measured, judge
from cedice.evaluation.counts import check_units, load_counts
from cedice.evaluation.runs import Run
from cedice.files import save_figure, write_csv, write_text
from cedice.paths import Training
from cedice.pipeline.stage import Job, run
from cedice.reporting.forest import forest
from cedice.reporting.verdict import markdown
from cedice.tables import read_table


def verdict(job: Job) -> None:
    study = {training.key: _measured(job, training) for training in job.trainings}
    units = {dataset: job.unit(dataset) for dataset in job.datasets}
    table = judge(study, units, job.params.margins.model_dump())
    by_chance = chance.table({training.key: Run.of(training, "last") for training in job.trainings})
    folder = paths.reports(job.study)
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    tails = {dataset: numbers["ce_dl_minus_ce_last_epochs"]["foreground"] for dataset, numbers in summary.items()}
    means = {dataset: {metric: tail[metric]["mean"] for metric in tail} for dataset, tail in tails.items()}
    write_csv(folder / "verdict.csv", table, float_format="%.6g")
    write_text(folder / "verdict.md", markdown(table, job.study, job.synthetic, means, None if job.synthetic else by_chance))
    if job.synthetic:  # the paper's differences stand beside real data only
        table["paper"] = math.nan
    save_figure(forest(table, job.note), folder / "forest.png")
    print(f"{folder / 'verdict.md'} written")


def _measured(job: Job, training: Training) -> Measured:
    table = paths.counts(training, "last")
    counts = load_counts(table, len(job.classes(training.dataset)))
    check_units(counts, job.record(training.dataset)["validation_patients"], table)
    return Measured(counts, read_table(paths.surfaces(training, "last")), read_table(paths.targets(training, "last")))


if __name__ == "__main__":
    run(verdict)
