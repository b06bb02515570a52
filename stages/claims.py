"""Write `reports/claims.yaml`, what this project says about the paper's statements, from a study's verdict."""

from pathlib import Path

import yaml

from cedice import paths
from cedice.analysis.verdict import claims
from cedice.files import write_text
from cedice.pipeline.stage import Job, run
from cedice.tables import read_table


def write(job: Job) -> None:
    table = read_table(paths.tables(job.study) / "verdict.csv")
    target = Path("reports/claims.yaml")
    write_text(target, yaml.safe_dump(claims(table, job.study), sort_keys=False, allow_unicode=True))
    print(f"{target} written")


if __name__ == "__main__":
    run(write)
