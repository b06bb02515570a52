"""A study with a third loss: the record takes it, Table 1 shows it, and the verdict still answers on CE and CE + DL."""

import json
import shutil

import pandas as pd
import pytest
from conftest import ROOT

from cedice import paths, yaml12
from cedice.evaluation import record
from cedice.evaluation.gather import gather, save, write_runs
from cedice.tables import read_table, read_text

STUDY, THIRD = "paper", "dl_only"


@pytest.fixture
def three(tmp_path, monkeypatch):
    """The record of `STUDY`, in which the trainings of CE + DL stand once more, under a third name and other seeds."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    whole, reports = tmp_path / paths.record(STUDY), ROOT / paths.reports(STUDY)
    shutil.copytree(ROOT / paths.record(STUDY), whole)
    shutil.copytree(reports / "samples", tmp_path / paths.samples(STUDY))  # of which, and of this, the page is made
    shutil.copy(reports / "experiments.md", tmp_path / paths.reports(STUDY))
    for dataset in record.datasets(whole):
        rows = record.runs(whole, dataset)
        more = [row | {"loss": THIRD, "seed": row["seed"] + 100} for row in rows if row["loss"] == "ce_dl"]
        write_runs(whole / dataset / "runs.json", [*more, *rows])
        for name in record.TABLES:
            if record.has(whole, name, dataset):
                table = read_text(record.file(whole / dataset, name))
                third = table[table["loss"] == "ce_dl"].assign(loss=THIRD)
                third["seed"] = (third["seed"].astype(int) + 100).astype(str)
                save(whole / dataset, name, pd.concat([third, table]))
    return whole


def test_it_is_gathered_and_in_table_1_and_the_verdict_is_that_of_the_pair(three, stage):
    for dataset in record.datasets(three):
        given = yaml12.read(three / dataset / "params.yaml"), record.described(three, dataset)
        index = read_table(record.file(three / dataset, "slices"))
        keys = [(row["loss"], row["seed"]) for row in record.runs(three, dataset)]
        stay, leave = gather(three / dataset, {}, *given, index, keys)
        assert stay == keys and not leave
        assert [(row["loss"], row["seed"]) for row in record.runs(three, dataset)] == sorted(keys)
    for name in ("figure1", "table", "plot"):
        assert stage(name, "--study", STUDY) is None
    made, kept = paths.reports(STUDY), ROOT / paths.reports(STUDY)
    now, before = (json.loads((folder / "summary.json").read_text()) for folder in (made, kept))
    for readout, of in before.items():
        for dataset, numbers in of.items():
            third = now[readout][dataset].pop(THIRD)
            assert now[readout][dataset] == numbers
            assert third["foreground"] == numbers["ce_dl"]["foreground"]
    assert f"| ours, foreground only | averaged | {THIRD} |" in (made / "tables/table1.md").read_text(encoding="utf-8")
    for name in ("verdict", "beyond", "decision", "noise", "borders", "conventions"):
        assert (made / f"tables/{name}.csv").read_bytes() == (kept / f"tables/{name}.csv").read_bytes(), name
    assert (made / "figures/forest.png").read_bytes() == (kept / "figures/forest.png").read_bytes()
