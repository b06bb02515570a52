"""`cedice verify`, and so the gate: what is changed by hand does not pass, of whatever kind it is."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import ROOT

from cedice import params
from cedice.errors import CediceError
from cedice.pipeline import verify

pytestmark = pytest.mark.xdist_group("clone")  # in one process, which makes it once


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    folder = tmp_path_factory.mktemp("verify") / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    return folder


def said(root: Path, study: str) -> list[str]:
    return verify._stale(root, study, lambda line: None)


# In each group no change makes the stage of another one stale, so that one question to DVC tells all of them.
CHANGES = {
    "reports": [
        ("reports/outlook/metrics.json", "0.7", "0.8", "table@outlook"),
        ("reports/outlook/breakdown.md", "0.9", "0.8", "breakdown@outlook"),
        ("reports/outlook/conventions.csv", "0.9", "0.8", "conventions@outlook"),
        ("reports/outlook/verdict.csv", "not confirmed", "contradicted", "verdict@outlook"),
    ],
    "what is made of them, and the data": [
        ("reports/small/table1.md", "ours", "theirs", "table@small"),
        ("reports/small/response.csv", "0.8", "0.9", "experiments"),
        ("reports/claims.yaml", "verdict: confirmed", "verdict: contradicted", "claims"),
        ("reports/small/data/acdc-slices.json", "200", "201", "conventions@small"),
    ],
    # What follows is not asked of DVC where a training lacks its slices, as in a clone: the stage that wrote a file tells it.
    "trainings": [
        ("reports/outlook/counts/covid19/ce-seed1.csv", ",0,", ",1,", "evaluate@outlook-covid19-ce-1"),
        ("reports/outlook/surfaces/covid19/ce_dl-seed0.csv", ",1,", ",2,", "measure@outlook-covid19-ce_dl-0"),
        ("reports/outlook/errors/covid19/ce_dl-seed2.csv", "1", "2", "measure@outlook-covid19-ce_dl-2"),
        ("reports/outlook/history/covid19/ce-seed0.csv", "\n1,", "\n2,", "train@outlook-covid19-ce-0"),
        ("reports/outlook/targets/covid19/ce_dl-seed1.csv", ",1,", ",2,", "measure@outlook-covid19-ce_dl-1"),
        ("reports/outlook/runs/covid19/ce_dl-seed4.json", '"device": "', '"device": "better ', "train@outlook-covid19-ce_dl-4"),
    ],
    "code": [("src/cedice/losses.py", "1 - 2 * overlap", "1 - 3 * overlap", "train@demo-acdc-ce-0")],
    "parameters": [("params.yaml", "patients: 10", "patients: 11", "download@demo-acdc")],
}


@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES)
def test_a_change_by_hand_is_noticed(clone, changes):
    before = {path: (clone / path).read_text(encoding="utf-8") for path, *_ in changes}
    for path, old, new, _ in changes:
        assert old in before[path]
        (clone / path).write_text(before[path].replace(old, new), encoding="utf-8")
    try:
        study = changes[0][-1].partition("@")[2].partition("-")[0]
        stale = {line.split(": ")[0] for line in said(clone, study)}
    finally:
        for path, text in before.items():
            (clone / path).write_text(text, encoding="utf-8")
    assert {stage for *_, stage in changes} <= stale


def test_a_figure_painted_over_is_noticed_and_nothing_else_was(clone):
    figure = clone / "reports/outlook/forest.png"
    before = figure.read_bytes()
    shutil.copy(clone / "reports/outlook/noise.png", figure)
    assert any(line.startswith("verdict@outlook: ") for line in said(clone, "outlook"))
    figure.write_bytes(before)
    assert said(clone, "outlook") == []


def test_a_number_changed_together_with_the_lock_is_noticed(clone, tmp_path, command):
    """Whoever tells DVC that the changed table is right is found by making it again."""
    root = tmp_path / "clone"
    shutil.copytree(clone, root)
    for other in set(params.STUDIES) - {"outlook"}:  # one study is enough to tell
        (root / "reports" / other / "metrics.json").unlink(missing_ok=True)
    table = root / "reports/outlook/table1.csv"
    table.write_text(table.read_text().replace("0.9", "0.8"))
    status, output = command("dvc", "commit", "--force", "table@outlook", "networks", cwd=root)
    assert status == 0, output
    heard = []
    assert verify.verify(root, heard.append) == ["reports/outlook/table1.csv: made again, it differs"]
    assert heard[0] == "outlook: up to date against dvc.lock"
    assert table.read_text().count("0.8")  # nothing is mended


def test_of_which_code_trainings_are_is_told(clone, tmp_path):
    """A record whose revision trains as the code does now says nothing; another one is named."""
    root = tmp_path / "clone"
    shutil.copytree(clone, root)
    settings = params.load(root / "params.yaml").small
    records = sorted((root / "reports/small/runs").rglob("*.json"))
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, check=True, capture_output=True, text=True).stdout.strip()
    for record, revision in zip(records, [head] * (len(records) - 2) + [f"{'0' * 40}+changes"] * 2, strict=True):
        record.write_text(json.dumps(json.loads(record.read_text()) | {"revision": revision}))
    told = "small: 2 trainings stand as recorded, by revision 0000000; what trains has changed since"
    assert list(verify._earlier(root, "small", settings)) == [told]


def test_where_there_is_nothing_to_verify(tmp_path, command):
    status, output = command("cedice", "verify", cwd=tmp_path)
    assert (status, output) == (1, "error: no dvc.yaml here; run from the project's root\n")
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    with pytest.raises(CediceError, match="no study has results"):
        verify.verify(tmp_path, print)
