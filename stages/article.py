"""Typeset the article, `docs/article/article.typ`, with what the reports say: `reports/article/article.pdf`."""

from pathlib import Path

import pandas as pd

from cedice import paths
from cedice.analysis.pairs import of_pair
from cedice.evaluation.runs import decisive
from cedice.files import replacing
from cedice.pipeline.stage import Job, run
from cedice.reporting import article

SOURCE = Path("docs/article/article.typ")


def write(job: Job) -> None:
    """``job``: of the study that speaks for the project."""
    thresholds = pd.read_csv(paths.tables(job.study) / "thresholds.csv")
    figures = {
        "curves": article.curves(of_pair(job.runs())),
        "rule": article.rule(
            thresholds[thresholds["readout"] == decisive(thresholds["readout"])], pd.read_csv("reports/across/across.csv")
        ),
    }
    target = Path("reports/article")
    with replacing(target, folder=True) as new:
        (new / "article.pdf").write_bytes(article.pdf(SOURCE, Path(), figures))
    print(f"{target / 'article.pdf'} written")


if __name__ == "__main__":
    run(write)
