"""Hold the Dice term's effect in several networks side by side: of a study, and of those that are alike in all but the network.

Writes `reports/networks`, from the studies of which there are a verdict and all counts; where there is none, it says so. Beside
it what accuracy costs, where `benchmarks/cost.py` has measured.
"""

from pathlib import Path

import pandas as pd

from cedice import params, paths
from cedice.analysis import between_networks, experiments, pareto
from cedice.analysis.difference import best
from cedice.analysis.pairs import of_pair
from cedice.analysis.statistics import holm
from cedice.evaluation.runs import Runs, decisive
from cedice.files import replacing, save_figure, write_csv, write_text
from cedice.pipeline.stage import Job, run
from cedice.reporting import pareto as pareto_report
from cedice.reporting.heterogeneity import forest, markdown, nothing
from cedice.tables import read_table


def write(job: Job) -> None:
    alike = {"hardware", "train"}
    given = {name: job.params.study(name).model_dump(exclude=alike) for name in params.STUDIES}
    jobs = [Job(job.params, name, {}) for name in params.STUDIES if given[name] == given[job.study]]
    there = {each.study: of_pair(each.runs()) for each in jobs if (paths.tables(each.study) / "verdict.csv").is_file()}
    readout = decisive(set.intersection(*(set(of) for of in there.values()))) if there else "last"
    runs = {study: of[readout] for study, of in there.items()}
    target = Path("reports/networks")
    with replacing(target, folder=True) as new:
        if not runs:
            write_text(new / "networks.md", nothing([each.study for each in jobs]))
        else:
            rows = pd.DataFrame([row for each in jobs if each.study in runs for row in _rows(each, runs[each.study], readout)])
            tests = {name: test for name in job.datasets if (test := between_networks.tested(runs, name))}
            corrected = dict(zip(tests, holm([test.p for test in tests.values()]), strict=True))
            write_csv(new / "networks.csv", rows, float_format="%.6g")
            save_figure(forest(rows, job.params.margins.dice, readout), new / "networks.png")
            bests = {
                (dataset, network): best(runs[study], dataset)
                for dataset, study, network in rows[["dataset", "study", "network"]].itertuples(index=False)
            }
            write_text(new / "networks.md", markdown(rows, tests, corrected, bests, readout))
            _costs(job, runs, readout, new)
    print(f"{target} written, of {', '.join(runs) or 'no study yet'}")


def _costs(job: Job, runs: dict[str, Runs], readout: str, folder: Path) -> None:
    """What accuracy costs, of these networks and the kept experiments of the study, once `benchmarks/cost.py` was run."""
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


if __name__ == "__main__":
    run(write)
