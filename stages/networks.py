"""Hold the Dice term's effect in several networks side by side: of a study, and of those that are alike in all but the network.

Writes `reports/networks`, from the studies of which there are a verdict and all counts; where there is none, it says so. Beside
it what accuracy costs, where `benchmarks/cost.py` has measured.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from cedice import params, paths
from cedice.analysis import experiments, pareto
from cedice.analysis.heterogeneity import Heterogeneity, heterogeneity
from cedice.analysis.statistics import holm
from cedice.evaluation.counts import pooled_headline, regions, same_slices
from cedice.evaluation.runs import Runs, decisive, load
from cedice.files import replacing, save_figure, write_csv, write_text
from cedice.params import LOSSES
from cedice.pipeline.stage import Job, run
from cedice.reporting import pareto as pareto_report
from cedice.reporting.heterogeneity import forest, markdown, nothing
from cedice.tables import read_table


def write(job: Job) -> None:
    alike = {"hardware", "train"}
    given = {name: job.params.study(name).model_dump(exclude=alike) for name in params.STUDIES}
    jobs = [Job(job.params, name, {}) for name in params.STUDIES if given[name] == given[job.study]]
    there = {each.study: load(each.trainings) for each in jobs if _complete(each)}
    readout = decisive(set.intersection(*(set(of) for of in there.values()))) if there else "last"
    runs = {study: of[readout] for study, of in there.items()}
    target = Path("reports/networks")
    with replacing(target, folder=True) as new:
        if not runs:
            write_text(new / "networks.md", nothing([each.study for each in jobs]))
        else:
            rows = pd.DataFrame([row for each in jobs if each.study in runs for row in _rows(each, runs[each.study], readout)])
            tests = {name: test for name in job.datasets if (test := _tested(runs, name))}
            corrected = dict(zip(tests, holm([test.p for test in tests.values()]), strict=True))
            write_csv(new / "networks.csv", rows, float_format="%.6g")
            save_figure(forest(rows, job.params.margins.dice, readout), new / "networks.png")
            write_text(new / "networks.md", markdown(rows, tests, corrected, readout))
            _costs(job, runs, readout, new)
    print(f"{target} written, of {', '.join(runs) or 'no study yet'}")


def _costs(job: Job, runs: dict[str, Runs], readout: str, folder: Path) -> None:
    """What accuracy costs, of these networks and the kept experiments of the study, once `benchmarks/cost.py` was run."""
    measured = paths.reports(job.study) / "cost.csv"
    if measured.is_file():
        kept = [each.runs for each in experiments.load(job.study, job.params, readout)]
        points = pareto.points([*runs.values(), *kept], pd.read_csv(measured))
        write_csv(folder / "cost.csv", points, float_format="%.6g")
        save_figure(pareto_report.plot(points), folder / "cost.png")
        write_text(folder / "cost.md", pareto_report.markdown(points, readout))


def _complete(job: Job) -> bool:
    counts = [paths.counts(training, "last") for training in job.trainings]
    return all(path.is_file() for path in (*counts, paths.reports(job.study) / "verdict.csv"))


def _rows(job: Job, runs: Runs, readout: str) -> list[dict]:
    """A row a data set."""
    verdict = read_table(paths.reports(job.study) / "verdict.csv").query("measure == 'dice' and readout == @readout")
    rows = []
    for row in verdict.to_dict("records"):
        of = {key: each for key, each in runs.items() if key[0] == row["dataset"]}
        scores = {
            loss: [pooled_headline(each.counts)["foreground"]["dice"] for key, each in of.items() if key[1] == loss]
            for loss in LOSSES
        }
        means = {loss: np.mean(values) for loss, values in scores.items()}
        stds = {f"{loss}_std": np.std(values, ddof=1) if len(values) > 1 else np.nan for loss, values in scores.items()}
        cost = {
            "minutes": np.mean([each.record["wall_seconds"] for each in of.values()]) / 60,
            "peak_gb": max(max(each.record["peak_memory_mb"].values()) for each in of.values()) / 1000,
        }
        kept = {key: row[key] for key in ("dataset", "mean", "low", "high", "p", "verdict", "units", "seeds")}
        rows.append({"study": job.study, "network": job.settings.train.network} | kept | means | stds | cost)
    return rows


def _tested(runs: dict[str, Runs], dataset: str) -> Heterogeneity | None:
    """Over the patients that have a Dice in all trainings; None where there are too few networks or trainings."""
    counts = {
        (f"{study} {loss}", seed): each.counts
        for study, of in runs.items()
        for (name, loss, seed), each in of.items()
        if name == dataset
    }
    same_slices(counts, dataset)
    dice = {key: regions(table)["dice"] for key, table in counts.items()}
    seeds = list(dict.fromkeys(seed for _, seed in dice))
    differences = np.array(
        [[dice[f"{study} ce_dl", seed] - dice[f"{study} ce", seed] for seed in seeds] for study in runs], dtype=float
    )
    differences = differences[:, :, np.isfinite(differences).all(axis=(0, 1))]
    return heterogeneity(differences) if min(differences.shape) > 1 else None


if __name__ == "__main__":
    run(write)
