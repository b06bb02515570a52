"""`cedice verify`, and so the gate: what is changed by hand does not pass, of whatever kind it is, and nothing is mended."""

import re
import shutil
from pathlib import Path

import pytest
import yaml
from conftest import ROOT
from project import commit, run

from cedice import paths
from cedice.errors import CediceError
from cedice.evaluation import record
from cedice.evaluation.gather import save
from cedice.paths import Training
from cedice.pipeline import verify
from cedice.tables import read_text

RECIPE, DEMO = Path("reports/recipe"), Path("reports/demo")
HOLDS = "all that is reported follows from what is here"


def replace(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text, f"{file} holds no {old!r}"
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def change_cell(folder: Path, table: str, column: str, value: str) -> None:
    """Of the first row of a table in a record."""
    cells = read_text(record.file(folder, table))
    assert cells.loc[0, column] != value
    cells.loc[0, column] = value
    save(folder, table, cells)


def contents(root: Path) -> dict[Path, bytes]:
    tops = "reports", "data", "models", "src", "stages"
    files = [path for top in tops for path in (root / top).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return {path: path.read_bytes() for path in [*files, root / "params.yaml", root / "dvc.lock"]}


@pytest.mark.slow
def test_what_is_as_it_was_made_holds(ran, command):
    shutil.rmtree("models/demo")  # one study's trainings are enough to evaluate again
    before = contents(ran)
    status, output = command("cedice", "verify", cwd=ran, OMP_NUM_THREADS="2")  # where `make` trained with one a training
    assert status == 0, output
    assert output.splitlines()[:3] == [
        "all stages are up to date against dvc.lock",
        f"{RECIPE}: the record is the one that its lock names",
        f"{RECIPE}: the lock names the code of the revisions that trained, 2 trainings",
    ]
    assert "recipe: 2 trainings' tables follow from weights and slices, to the last pixel" in output
    for study in ("demo", "recipe"):
        assert re.search(rf"^{study}: \d+ reports follow from the record, byte for byte$", output, re.MULTILINE)
    assert output.splitlines()[-1] == HOLDS
    assert contents(ran) == before
    assert run(ran, "git", "status", "--short") == ""


def test_in_a_shallow_clone_the_code_of_a_revision_is_not_looked_at_and_it_says_so(built, tmp_path):
    clone = tmp_path / "clone"
    run(tmp_path, "git", "clone", "-q", "--depth", "1", f"file://{built}", str(clone))
    revision = record.runs(built / paths.record("recipe"), "covid19")[0]["revision"]
    heard: list[str] = []
    assert verify.locked(clone, RECIPE, heard.append) == []
    assert heard == [
        f"{RECIPE}: the record is the one that its lock names",
        f"{RECIPE}: 2 trainings by revision {revision[:10]}, which this clone does not have: their code was not looked at",
    ]
    assert verify.stale(clone, heard.append) == []  # nor does it take what is not here for changed


def test_whatever_is_changed_by_hand_is_named(ran):
    """One change of each kind, all at once."""
    change_cell(ran / RECIPE / "record/covid19", "targets", "hits", "1")
    replace(ran / DEMO / "tables/table1.md", "0.", "1.")
    shutil.copy(ran / DEMO / "figures/noise.png", ran / DEMO / "figures/forest.png")
    (ran / DEMO / "figures/figure9.png").write_bytes((ran / DEMO / "figures/noise.png").read_bytes())
    shutil.rmtree("models/demo")
    before = contents(ran)
    broken = verify.verify(ran, lambda line: None)
    assert contents(ran) == before
    whole = "\n".join(broken)
    record_of = RECIPE / "record/covid19"
    for line in (
        "table@recipe: code, parameters or results are not those of dvc.lock",
        "table@demo: code, parameters or results are not those of dvc.lock",
        "plot@demo: code, parameters or results are not those of dvc.lock",
        f"{record_of}: not what {RECIPE}/dvc.lock names (gather@recipe-covid19)",
        f"{DEMO}/tables/table1.md: made again, it differs",
        f"{DEMO}/figures/forest.png: made again, it differs",
        f"{DEMO}/figures/figure9.png: made again, it differs",
        f"{record_of}/targets.csv.gz, recipe covid19 ce seed 0: made again from the weights, it differs",
    ):
        assert line in broken, f"{line!r} is not in\n{whole}"
    assert not [line for line in broken if line.startswith(("train@", "evaluate@"))]


def test_code_parameters_and_counts_are_held_too(ran):
    replace(ran / "src/cedice/losses.py", "def ", "def  ")
    replace(ran / "params.yaml", "patients: 10", "patients: 11")
    stages = {line.split(":")[0] for line in verify.stale(ran, lambda line: None)}
    assert {"download@demo-covid19", "train@demo-covid19-ce-0"} <= stages


def entries(root: Path) -> dict:
    return yaml.safe_load((root / RECIPE / "dvc.lock").read_text())


def test_a_lock_that_was_edited_is_named(ran):
    """A hash of the record, one of the code that trained, and a data set that it does not know."""
    whole = entries(ran)
    gathered, trained = whole["stages"]["gather@recipe-covid19"], whole["stages"]["train@recipe-covid19-ce_dl-0"]
    (loss,) = [dep for dep in trained["deps"] if dep["path"] == "src/cedice/losses.py"]
    (folder,) = [dep for dep in trained["deps"] if dep["path"] == "src/cedice/training"]
    gathered["outs"][0]["md5"] = f"{'0' * 32}.dir"
    loss["md5"], folder["md5"] = "1" * 32, f"{'2' * 32}.dir"
    (ran / RECIPE / "dvc.lock").write_text(yaml.safe_dump(whole))
    shutil.copytree(ran / RECIPE / "record/covid19", ran / RECIPE / "record/acdc")
    revision = record.runs(ran / paths.record("recipe"), "covid19")[0]["revision"][:10]
    before = contents(ran)
    found = verify.locked(ran, RECIPE, lambda line: None)
    assert set(found) == {
        f"{RECIPE}/record/covid19: not what {RECIPE}/dvc.lock names (gather@recipe-covid19)",
        f"{RECIPE}/record/acdc: no gather stage of {RECIPE}/dvc.lock names it",
        *(
            f"{RECIPE}/dvc.lock: train@recipe-covid19-ce_dl-0 names another {path} than revision {revision} has"
            for path in ("src/cedice/losses.py", "src/cedice/training")
        ),
    }
    assert contents(ran) == before


def test_todays_code_may_differ_from_that_of_the_record(ran):
    replace(ran / "src/cedice/losses.py", '"""', '"""Later. ')
    commit(ran, "Change the losses")
    heard: list[str] = []
    assert verify.locked(ran, RECIPE, heard.append) == []
    assert heard[-1] == f"{RECIPE}: the lock names the code of the revisions that trained, 2 trainings"


def test_a_number_changed_together_with_the_lock_is_noticed(ran):
    """Whoever tells DVC that the changed table is right is found by making it again."""
    table = ran / RECIPE / "tables/table1.csv"
    replace(table, "0.", "1.")
    run(ran, "dvc", "commit", "--force", "table@recipe")
    assert verify.again(ran, ["recipe"], lambda line: None) == [f"{RECIPE}/tables/table1.csv: made again, it differs"]


def test_weights_of_another_training_are_named(ran):
    one, other = (paths.weights(Training("recipe", "covid19", loss, 0)) for loss in ("ce", "ce_dl"))
    shutil.copy(one, other)
    shutil.rmtree("models/demo")
    found = verify.evaluated(ran, verify.params.load(ran / "params.yaml"), lambda line: None)
    assert found == [f"{other}: not the weights that the record of recipe covid19 ce_dl seed 0 names"]


def test_where_there_is_nothing_to_verify(tmp_path, command):
    status, output = command("cedice", "verify", cwd=tmp_path)
    assert (status, output) == (1, "error: no dvc.yaml here; run from the project's root\n")
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    (tmp_path / "dvc.yaml").write_text("stages: [")
    with pytest.raises(CediceError, match="dvc repro --dry failed"):
        verify.verify(tmp_path, print)
