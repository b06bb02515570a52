"""`make small` and its like: params.yaml names the study while DVC runs, and is the user's own again at the end."""

import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from conftest import ROOT

from cedice.errors import CediceError
from cedice.pipeline import repro

# Stands in for DVC: `python -m dvc` takes the module in the current folder. It keeps what it was started with.
DVC = """
import pathlib, shutil, sys, time
shutil.copy("params.yaml", "seen.yaml")
pathlib.Path("arguments").write_text(" ".join(sys.argv[1:]))
{}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def put(does: str) -> None:
    Path("dvc.py").write_text(DVC.format(does))


@pytest.mark.parametrize("status", [0, 3])
def test_it_names_the_study_while_dvc_runs_and_ends_with_dvcs_status(folder, edit_params, status):
    put(f"sys.exit({status})")
    edit_params(folder, {"small.seeds": [0, 1, 2]})
    before = Path("params.yaml").read_bytes()
    assert repro.repro("small") == status
    assert Path("params.yaml").read_bytes() == before
    epochs, namings = ["acdc", "covid19"], ["labels", "rule"]
    assert Path("arguments").read_text() == "repro page@small mixture"
    seen, own = yaml.safe_load(Path("seen.yaml").read_text()), yaml.safe_load(before)
    trainings = {"studies": ["small"], "datasets": epochs, "losses": ["ce", "ce_dl"], "seeds": [0, 1, 2]}
    assert seen.pop("run") == trainings | {"mixtures": namings}
    assert seen.pop("reports") == ["small"]
    assert seen == {key: value for key, value in own.items() if key not in ("run", "reports")}


def test_data_sets_with_other_seeds_come_one_after_the_other(folder, edit_params):
    put("print('STARTED', *sys.argv[1:], file=(all := open('all', 'a'))); all.write(pathlib.Path('params.yaml').read_text())")
    edit_params(folder, {"small.seeds": {"acdc": [0, 1], "covid19": [0, 2, 5]}})
    before = Path("params.yaml").read_bytes()
    assert repro.repro("small") == 0
    assert Path("params.yaml").read_bytes() == before
    started = [each.split("\n", 1) for each in Path("all").read_text().split("STARTED ")[1:]]
    assert [arguments for arguments, _ in started] == ["repro measure mixture", "repro page@small mixture"]
    runs = [yaml.safe_load(text)["run"] for _, text in started]
    assert [(run["datasets"], run["seeds"]) for run in runs] == [(["acdc"], [0, 1]), (["covid19"], [0, 2, 5])]


def test_a_failure_ends_it_before_the_next_data_set(folder, edit_params):
    put("pathlib.Path('all').open('a').write('x'); sys.exit(3)")
    edit_params(folder, {"small.seeds": {"acdc": [0, 1], "covid19": [0, 2, 5]}})
    assert repro.repro("small") == 3
    assert Path("all").read_text() == "x"


def test_what_is_edited_meanwhile_stays(folder):
    edit = "file.write_text(file.read_text().replace('batch_size: 4', 'batch_size: 5'))"
    put(f"file = pathlib.Path('params.yaml'); {edit}")
    before = Path("params.yaml").read_text()
    assert repro.repro("small") == 0
    assert Path("params.yaml").read_text() == before.replace("batch_size: 4", "batch_size: 5") != before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_puts_it_back_too(folder, number):
    put("time.sleep(60)")
    before = Path("params.yaml").read_bytes()
    command = [sys.executable, "-m", "cedice.pipeline.repro", "small"]
    process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.PIPE)
    for _ in range(600):
        if Path("arguments").exists():
            break
        time.sleep(0.1)
    assert Path("params.yaml").read_bytes() != before
    if number == signal.SIGTERM:
        process.send_signal(number)
    else:  # as a terminal does: to DVC as well
        subprocess.run(["kill", "-INT", "--", f"-{process.pid}"], check=True)
    process.communicate(timeout=60)
    assert process.returncode
    assert Path("params.yaml").read_bytes() == before


@pytest.mark.parametrize("last", [b"", b"\n"])
def test_the_last_line_may_lack_its_end(folder, last):
    put("sys.exit(0)")
    text = re.sub(r"(?m)^reports: .*\n", "", Path("params.yaml").read_text())
    Path("params.yaml").write_bytes(f"{text}reports:\n  - demo".encode() + last)
    before = Path("params.yaml").read_bytes()
    assert repro.repro("demo") == 0
    assert yaml.safe_load(Path("seen.yaml").read_text())["reports"] == ["demo"]
    assert Path("params.yaml").read_bytes() == before


def test_a_study_without_data_and_a_key_that_cannot_be_edited_are_one_line(folder):
    with pytest.raises(CediceError, match=r"own\.epochs names no data set"):
        repro.repro("own")
    text = Path("params.yaml").read_text()
    Path("params.yaml").write_text(re.sub("(?m)^reports:", '"reports":', text))
    with pytest.raises(CediceError, match="no line begins with `reports:`"):
        repro.repro("small")
