"""What the project claims follows from the committed numbers, and a number that changes a verdict does not pass."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml
from conftest import ROOT

from cedice import paths
from cedice.evaluation import record
from cedice.evaluation.gather import save
from cedice.params import DATASETS, LOSSES
from cedice.tables import read_text

CLAIMS = yaml.safe_load((ROOT / "reports/claims.yaml").read_text(encoding="utf-8"))


def judged(stage, study: str) -> dict[tuple[str, str, str], dict]:
    """The verdict made again in the current folder, by network, data set and measure."""
    assert stage("table", "--study", study) is None
    return read(paths.tables(study))


def read(tables: Path) -> dict[tuple[str, str, str], dict]:
    return pd.read_csv(tables / "verdict.csv").set_index(["readout", "dataset", "measure"]).to_dict("index")


def differing(found: dict[tuple[str, str, str], dict]) -> list[str]:
    """The claims that the verdict does not bear out."""
    wrong = []
    for claim in CLAIMS:
        row = found[claim["readout"], claim["dataset"], claim["measure"]]
        ours = [row["mean"], row["low"], row["high"]]
        moved = max(abs(new - old) for new, old in zip(ours, [claim["ours"], *claim["interval"]], strict=True))
        if row["verdict"] != claim["verdict"] or moved > claim["tolerance"]:
            wrong.append(f"{claim['dataset']}: {claim['statement']}: claimed {claim['verdict']}, found {row['verdict']}")
    return wrong


@pytest.fixture
def reported(project):
    """The project with the committed results of the study that the claims are from."""
    (study,) = {claim["study"] for claim in CLAIMS}
    shutil.copytree(ROOT / "reports" / study, project / "reports" / study)
    shutil.copy(ROOT / "params.yaml", project)
    return study


def test_every_claim_is_that_of_the_committed_verdict():
    """That this follows from the record is what `cedice verify` finds."""
    (study,) = {claim["study"] for claim in CLAIMS}
    assert len(CLAIMS) == 5 * len(DATASETS)
    assert not differing(read(ROOT / paths.tables(study)))


def test_a_changed_number_that_alters_a_verdict_does_not_pass(reported, stage):
    for dataset in DATASETS:  # the losses change places
        for kind in (name for name in record.TABLES if record.has(paths.record(reported), name, dataset)):
            cells = read_text(record.file(paths.record(reported) / dataset, kind))
            cells["loss"] = cells["loss"].map(dict(zip(LOSSES, reversed(LOSSES), strict=True)))
            save(paths.record(reported) / dataset, kind, cells.sort_values(["loss", "seed"], kind="stable"))
    confirmed = [claim for claim in CLAIMS if claim["verdict"].startswith("confirmed")]  # or too small to matter
    wrong = differing(judged(stage, reported))
    assert len(wrong) == len(CLAIMS)
    assert sum("found contradicted" in line for line in wrong) == len(confirmed)
