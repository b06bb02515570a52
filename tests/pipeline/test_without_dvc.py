"""Trainings on a machine without DVC: the same record as with it, with a lock that says what made it and that no DVC did."""

import importlib.metadata
import json
import re
import shutil
import sys
import tarfile
import tomllib
from pathlib import Path

import pytest
import yaml
from conftest import ROOT
from project import run

from cedice.evaluation import gather, record
from cedice.files import write_text
from cedice.pipeline import lockfile, verify
from cedice.pipeline.without_dvc import NEEDS, NOTE, locked

RECIPE = Path("reports/recipe")
RECORD = RECIPE / "record/covid19"


def train(folder: Path, minutes: str, **environment: str) -> str:
    words = sys.executable, "-m", "cedice.pipeline.without_dvc", "recipe", "covid19", "--minutes", minutes, "--out", "out"
    return run(folder, *words, OMP_NUM_THREADS="1", **environment)


def test_an_entry_is_what_dvc_writes_but_for_the_note(built, monkeypatch):
    monkeypatch.chdir(built)
    stages = yaml.safe_load(Path("dvc.yaml").read_text())["stages"]
    training = {"study": "recipe", "dataset": "covid19", "loss": "ce_dl", "seed": 0}
    theirs = lockfile.read(RECIPE / "dvc.lock")
    for name, item in (("train", training), ("evaluate", training), ("gather", dict(list(training.items())[:2]))):
        entry = theirs[f"{name}@{'-'.join(map(str, item.values()))}"]
        assert locked(stages[name], item) == entry | {"cmd": f"{entry['cmd']} {NOTE}"}


@pytest.mark.slow
def test_what_the_record_lacks_is_trained_and_goes_home_in_one_file(ran, built):
    rows = record.runs(RECIPE / "record", "covid19")
    gather.write_runs(RECORD / "runs.json", [row for row in rows if row["loss"] == "ce"])
    before = lockfile.read(RECIPE / "dvc.lock")
    del before["train@recipe-covid19-ce_dl-0"]
    write_text(RECIPE / "dvc.lock", yaml.safe_dump({"schema": "2.0", "stages": before}))
    for folder in ("models/recipe", "data/recipe/evaluation", "data/recipe/raw/covid19"):
        shutil.rmtree(folder)

    said = train(ran, "0")
    assert "the time is up; the same command goes on from the last checkpoint" in said
    assert said.endswith("0 of 1 trainings that the record lacked are done\n")
    assert not Path("out").exists()

    # The code may come without its repository, and is told what revision it is.
    revision = rows[0]["revision"]
    said = train(ran, "9", GIT_DIR="nowhere", CEDICE_REVISION=revision)
    assert said.endswith("1 of 1 trainings that the record lacked are done\n")
    with tarfile.open("out/recipe-covid19.tar") as packed:
        packed.extractall("home", filter="data")
    for file in (built / RECORD).iterdir():
        if file.name not in ("runs.json", "history.csv"):  # they tell seconds
            assert (ran / "home" / RECORD / file.name).read_bytes() == file.read_bytes(), file.name
    made = record.runs(Path("home") / RECIPE / "record", "covid19")
    for name in ("loss", "weights_md5", "revision"):
        assert [row[name] for row in made] == [row[name] for row in rows]

    entries = lockfile.read(Path("home") / RECIPE / "dvc.lock")
    new = {name for name, entry in entries.items() if entry["cmd"].endswith(NOTE)}
    assert new == {"train@recipe-covid19-ce_dl-0", "evaluate@recipe-covid19-ce_dl-0", "gather@recipe-covid19"}
    assert entries["train@recipe-covid19-ce-0"] == before["train@recipe-covid19-ce-0"]
    heard: list[str] = []
    assert verify.locked(ran, RECIPE, heard.append) == []
    assert heard[1:] == [f"{RECIPE}: the lock names the code of the revisions that trained, 2 trainings"]

    # A call to which the record did not come back finds by its own notes what is made; one to which it did has nothing to do.
    times = {file: file.stat().st_mtime_ns for file in Path("models").rglob("*") if file.is_file()}
    gather.write_runs(RECORD / "runs.json", [row for row in rows if row["loss"] == "ce"])
    assert train(ran, "0").endswith("1 of 1 trainings that the record lacked are done\n")
    assert train(ran, "0").endswith("0 of 0 trainings that the record lacked are done\n")
    assert times == {file: file.stat().st_mtime_ns for file in Path("models").rglob("*") if file.is_file()}


def test_what_is_not_installed_or_not_here_is_one_line(ran, command):
    words = "-m", "cedice.pipeline.without_dvc", "recipe", "covid19", "--minutes", "1", "--out", "out"
    Path("hidden").mkdir()
    Path("hidden/sitecustomize.py").write_text("import sys\nsys.modules['pydantic'] = sys.modules['tqdm'] = None\n")
    status, said = command(sys.executable, *words, cwd=ran, PYTHONPATH="src:hidden")
    assert status == 1
    assert said == "error: not installed here: pydantic, tqdm; bring a folder of them and name it in PYTHONPATH\n"
    shutil.rmtree(RECIPE / "record")
    shutil.rmtree("data/recipe/slices")
    status, said = command(sys.executable, *words, cwd=ran)
    assert status == 1
    assert re.fullmatch(r"error: data/recipe/slices/covid19\.npz: not here; bring it along, .*\n", said), said


def test_these_stages_need_the_packages_that_are_named_and_no_other():
    given = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    ours = {re.split(r"[^\w.-]", name)[0].lower() for name in (*given, "dvc")}
    owners = {top: {owner.lower() for owner in names} for top, names in importlib.metadata.packages_distributions().items()}
    needed = {*NEEDS, "numpy", "yaml"}
    others = ours - set().union(*(owners[name] for name in needed))
    refused = sorted(top for top, names in owners.items() if names & others)
    code = f"""
import json, runpy, sys
sys.modules.update(dict.fromkeys({refused}))
for name in ("train", "evaluate", "gather"):
    runpy.run_path(f"stages/{{name}}.py", run_name="imported")
import cedice.pipeline.without_dvc, cedice.pipeline.repro
print(json.dumps([name for name in {sorted(needed)} if name in sys.modules]))
"""
    assert json.loads(run(ROOT, sys.executable, "-c", code)) == sorted(needed)
    assert {"nibabel", "matplotlib", "dvc"} <= set(refused)
