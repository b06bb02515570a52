"""What a threshold of its own gains, and what the Dice term, in all studies of real data side by side: `reports/across`."""

from pathlib import Path

import pandas as pd

from cedice import paths
from cedice.analysis.across import table
from cedice.evaluation.runs import decisive
from cedice.files import replacing, save_figure, write_csv, write_text
from cedice.pipeline.stage import Job, run
from cedice.reporting.across import figure, markdown


def write(job: Job) -> None:
    studies = [str(name) for name in job.params.reports if job.params.study(name).source.kind == "archive"]
    rows, target = table({name: _decisive(name) for name in studies}), Path("reports/across")
    with replacing(target, folder=True) as new:
        write_csv(new / "across.csv", rows, float_format="%.6g")
        write_text(new / "across.md", markdown(rows))
        save_figure(figure(rows), new / "across.png")
    print(f"{target} written, of {', '.join(studies)}")


def _decisive(study: str) -> pd.DataFrame:
    """The differences by decision rule of the network on which the study's verdict rests."""
    judged = pd.read_csv(paths.tables(study) / "decision.csv")
    return judged[judged["readout"] == decisive(set(judged["readout"]))]


if __name__ == "__main__":
    run(write)
