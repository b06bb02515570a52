"""What several studies say together: `reports/across`, a threshold of its own and the Dice term in all studies of real data;
`reports/networks`, the Dice term in networks that differ in nothing else; `reports/causes`, why its gain differs; and
`reports/claims.yaml`, what the study that speaks for the project says about the paper's statements."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import yaml

from cedice import params, paths
from cedice.analysis import across, between_networks, causes, experiments, pareto
from cedice.analysis.difference import best
from cedice.analysis.pairs import of_pair
from cedice.analysis.statistics import holm
from cedice.analysis.verdict import claims
from cedice.evaluation.runs import Runs, decisive
from cedice.files import replacing, save_figure, write_csv, write_text
from cedice.paper import titles
from cedice.pipeline.stage import Job, run
from cedice.reporting import across as across_report
from cedice.reporting import causes as causes_report
from cedice.reporting import heterogeneity
from cedice.reporting import pareto as pareto_report
from cedice.tables import read_table

OUTLOOK = "outlook"  # of its networks and kept experiments
CAUSES = "hippocampus", "averaged"  # where and on which network the two experiments look, as planned


def write(job: Job) -> None:
    """``job``: of the study that speaks for the project."""
    for folder, of, writes in (("across", job.study, rules), ("networks", OUTLOOK, networks), ("causes", OUTLOOK, reasons)):
        into(Path("reports") / folder, Job(job.params, of, {}), writes)
    target = Path("reports/claims.yaml")
    said = claims(read_table(paths.tables(job.study) / "verdict.csv"), job.study)
    write_text(target, yaml.safe_dump(said, sort_keys=False, allow_unicode=True))
    print(f"{target} written")


def into(target: Path, job: Job, writes: Callable[[Job, Path], None]) -> None:
    with replacing(target, folder=True) as new:
        writes(job, new)
    print(f"{target} written")


def rules(job: Job, folder: Path) -> None:
    studies = [str(name) for name in job.params.reports if job.params.study(name).source.kind == "archive"]
    verdicts, tables, decisions = (
        {name: _decisive(name, table) for name in studies} for table in ("verdict", "table1", "decision")
    )
    answers, rows = across.answers(verdicts, tables), across.table(decisions)
    for name, table in (("answers", answers), ("across", rows)):
        write_csv(folder / f"{name}.csv", table, float_format="%.6g")
    write_text(folder / "across.md", across_report.markdown(answers, rows))
    save_figure(across_report.figure(rows), folder / "across.png")


def _decisive(study: str, name: str) -> pd.DataFrame:
    """Of a table of the study, the rows of the network on which its verdict rests."""
    judged = pd.read_csv(paths.tables(study) / f"{name}.csv")
    return judged[judged["readout"] == decisive({*paths.READOUTS} & {*judged["readout"]})]


def networks(job: Job, folder: Path) -> None:
    """Of a study and those that are alike in all but the network, as far as each has a verdict and counts; beside it what
    accuracy costs, where `benchmarks/cost.py` has measured."""
    alike = {"hardware", "train"}
    given = {name: job.params.study(name).model_dump(exclude=alike) for name in params.STUDIES}
    jobs = [Job(job.params, name, {}) for name in params.STUDIES if given[name] == given[job.study]]
    there = {each.study: of_pair(each.runs()) for each in jobs if (paths.tables(each.study) / "verdict.csv").is_file()}
    if not there:
        write_text(folder / "networks.md", heterogeneity.nothing([each.study for each in jobs]))
        return
    readout = decisive(set.intersection(*(set(of) for of in there.values())))
    runs = {study: of[readout] for study, of in there.items()}
    rows = pd.DataFrame([row for each in jobs if each.study in runs for row in _rows(each, runs[each.study], readout)])
    tests = {name: test for name in job.datasets if (test := between_networks.tested(runs, name))}
    corrected = dict(zip(tests, holm([test.p for test in tests.values()]), strict=True))
    bests = {
        (dataset, network): best(runs[study], dataset)
        for dataset, study, network in rows[["dataset", "study", "network"]].itertuples(index=False)
    }
    write_csv(folder / "networks.csv", rows, float_format="%.6g")
    save_figure(heterogeneity.forest(rows, job.params.margins.dice, readout), folder / "networks.png")
    write_text(folder / "networks.md", heterogeneity.markdown(rows, tests, corrected, bests, readout))
    _costs(job, runs, readout, folder)


def _costs(job: Job, runs: dict[str, Runs], readout: str, folder: Path) -> None:
    measured = paths.reports(job.study) / "cost.csv"
    if measured.is_file():
        kept = [
            each.runs
            for each in experiments.load(job.study, job.params, readout)
            if {key.rpartition(".")[2] for key in each.changes} <= {*pareto.KIND}  # networks of another size, trained alike
        ]
        points = pareto.points([*runs.values(), *kept], pd.read_csv(measured))
        write_csv(folder / "cost.csv", points, float_format="%.6g")
        save_figure(pareto_report.plot(points), folder / "cost.png")
        write_text(folder / "cost.md", pareto_report.markdown(points, readout))


def _rows(job: Job, runs: Runs, readout: str) -> list[dict]:
    verdict = read_table(paths.tables(job.study) / "verdict.csv").query("measure == 'dice' and readout == @readout")
    return between_networks.rows(job.study, job.settings.train.network, runs, verdict)


def reasons(job: Job, folder: Path) -> None:
    kept = sorted(paths.experiments(job.study).glob("*/"))
    folders = [paths.record(job.study), *kept]
    cells, along = causes.cells(folders, *CAUSES), causes.along(folders, *CAUSES)
    levels, crossed, sizes = causes.levels(cells), causes.two_by_two(cells), causes.by_size(cells)
    title = titles([CAUSES[0]])[CAUSES[0]]
    for name, rows in (("levels", levels), ("contrasts", crossed), ("sizes", sizes), ("steps", along)):
        if len(rows):
            write_csv(folder / f"{name}.csv", rows, float_format="%.6g")
    write_text(folder / "causes.md", causes_report.markdown(levels, crossed, sizes, title, CAUSES[1]))
    if len(sizes):
        save_figure(causes_report.figure(levels, title), folder / "sizes.png")
        save_figure(causes_report.steps(along, title), folder / "steps.png")


if __name__ == "__main__":
    run(write)
