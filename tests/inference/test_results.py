"""Whose files are in the folder of results, and what a second run does there."""

import csv
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import nibabel
import numpy as np
import pytest
from grey import cedice, write_model
from PIL import Image

from cedice.errors import CediceError
from cedice.files import sha256
from cedice.inference import outputs, results
from cedice.inference.results import LOCK, Results


@pytest.fixture
def model(tmp_path) -> Path:
    return write_model(tmp_path / "grey.safetensors")


def put(path: Path, seed: int = 0, shape: tuple[int, ...] = (40, 36, 3)) -> Path:
    """A scan of noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    voxels = np.random.default_rng(seed).integers(-900, 900, shape).astype(np.int16)
    image = nibabel.Nifti1Image(voxels, np.diag([-1, -1, 3, 1.0]))
    image.header.set_xyzt_units("mm")
    image.to_filename(path)
    return path


def contents(folder: Path) -> dict[str, str]:
    return {path.name: sha256(path) for path in folder.iterdir()}


def rows(file: Path) -> dict[str, int]:
    """{scan: number of its rows}."""
    with file.open(encoding="utf-8", newline="") as stream:
        names = [row["scan"] for row in csv.DictReader(stream)]
    return {name: names.count(name) for name in dict.fromkeys(names)}


def test_a_persons_own_labels_stay(tmp_path, model):
    """They are named as results are, and lie beside the scan."""
    scan, own = put(tmp_path / "heart.nii.gz"), put(tmp_path / "heart_labels.nii.gz", 1)
    before = contents(tmp_path)
    with pytest.raises(CediceError, match=r"would replace heart_labels.nii.gz \(cedice did not write it\)"):
        cedice("predict", model, scan, "-o", tmp_path)
    assert contents(tmp_path) == before
    cedice("predict", model, scan, "-o", tmp_path, "--overwrite")
    assert contents(tmp_path)[own.name] != before[own.name]


def test_nothing_is_begun_before_all_targets_are_known(tmp_path, model):
    for number in range(3):
        put(tmp_path / f"scans/s{number}.nii.gz", number)
    put(tmp_path / "out/s2_labels.nii.gz", 9)
    before = contents(tmp_path / "out")
    with pytest.raises(CediceError, match="s2_labels"):
        cedice("predict", model, tmp_path / "scans", "-o", tmp_path / "out")
    assert contents(tmp_path / "out") == before


@pytest.mark.parametrize("overwrite", [(), ("--overwrite",)])
def test_an_input_is_never_replaced(tmp_path, model, overwrite):
    scan, labelled = put(tmp_path / "heart.nii.gz"), put(tmp_path / "heart_labels.nii.gz", 1)
    before = contents(tmp_path)
    with pytest.raises(CediceError, match=r"heart_labels.nii.gz is itself to be labelled"):
        cedice("predict", model, scan, labelled, "-o", tmp_path, *overwrite)
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(CediceError, match=r"heart_labels.nii.gz is itself to be labelled"):
        cedice("predict", model, scan, labelled, "-o", tmp_path / "link", *overwrite)
    (tmp_path / "link").unlink()
    assert contents(tmp_path) == before


def test_a_second_run_replaces_what_the_first_wrote_and_keeps_the_other_scans(tmp_path, model):
    first, second = put(tmp_path / "001.nii.gz", 1), put(tmp_path / "NA.nii.gz", 2)  # names that tables take for numbers
    out = tmp_path / "out"
    cedice("predict", model, first, second, "-o", out, "--probabilities")
    before = contents(out)
    cedice("predict", model, first, second, "-o", out, "--probabilities")
    assert contents(out) == before
    third = put(tmp_path / "third.nii.gz", 3)
    cedice("predict", model, third, second, "-o", out)
    assert rows(out / "volumes.csv") == {"001": 2, "third": 2, "NA": 2}
    assert (out / "001_probabilities.nii.gz").is_file()
    assert not (out / "NA_probabilities.nii.gz").exists(), "of labels that are gone"
    after = contents(out)
    assert all(after[name] == before[name] for name in ("001_labels.nii.gz", "NA_labels.nii.gz", "001_preview.png"))


def test_labels_that_were_corrected_by_hand_stay(tmp_path, model):
    scan = put(tmp_path / "heart.nii.gz")
    cedice("predict", model, scan, "-o", tmp_path / "out")
    put(tmp_path / "out/heart_labels.nii.gz", 5)
    with pytest.raises(CediceError, match=r"heart_labels.nii.gz \(changed since cedice wrote it\)"):
        cedice("predict", model, scan, "-o", tmp_path / "out")
    (tmp_path / "out/volumes.csv").write_text("mine\n")
    with pytest.raises(CediceError, match=r"volumes.csv \(changed since .*heart_labels"):
        cedice("predict", model, scan, "-o", tmp_path / "out")
    cedice("predict", model, scan, "-o", tmp_path / "out", "--overwrite")
    assert rows(tmp_path / "out/volumes.csv") == {"heart": 2}


def test_two_scans_of_one_name_do_not_share_results(tmp_path, model):
    one, other = put(tmp_path / "a/heart.nii.gz", 1), put(tmp_path / "b/heart.nii.gz", 2)
    with pytest.raises(CediceError, match=r"a/heart.nii.gz and .*b/heart.nii.gz: the results of both would be named heart_"):
        cedice("predict", model, one, other, "-o", tmp_path / "out")
    cedice("predict", model, one, "-o", tmp_path / "out")
    with pytest.raises(CediceError, match="of another scan of this name"):
        cedice("predict", model, other, "-o", tmp_path / "out")


def test_a_scan_that_is_given_twice_is_labelled_once(tmp_path, model, capsys):
    scan = put(tmp_path / "scans/heart.nii.gz")
    cedice("predict", model, scan, tmp_path / "scans", scan, tmp_path / "scans/../scans/heart.nii.gz", "-o", tmp_path / "out")
    assert capsys.readouterr().out.count("heart: ") == 1


def test_results_and_masks_in_a_folder_are_no_scans(tmp_path, model, capsys):
    put(tmp_path / "heart.nii.gz")
    put(tmp_path / "heart_gt.nii.gz", 1)
    put(tmp_path / "._heart.nii.gz", 1)
    for _ in range(2):
        cedice("predict", model, tmp_path, "-o", tmp_path, "--probabilities")
        said = capsys.readouterr()
        assert said.out.count("\n") == 1
    assert "left out by their names, as results or masks: 4 (first: " in said.err
    (tmp_path / "heart.nii.gz").unlink()
    with pytest.raises(CediceError, match="no scan in this folder but results or masks, as heart_gt"):
        cedice("predict", model, tmp_path, "-o", tmp_path)


def test_a_batch_goes_on_after_a_damaged_scan(tmp_path, model, capsys):
    for number in (1, 2, 4):
        put(tmp_path / f"scans/s{number}.nii.gz", number)
    (tmp_path / "scans/s3.nii.gz").write_bytes((tmp_path / "scans/s1.nii.gz").read_bytes()[:300])
    with pytest.raises(CediceError, match="1 of 4 scans could not be labelled; the others are in "):
        cedice("predict", model, tmp_path / "scans", "-o", tmp_path / "out")
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert "s3.nii.gz" in errors[0]
    assert rows(tmp_path / "out/volumes.csv") == {"s1": 2, "s2": 2, "s4": 2}


def test_one_files_trouble_with_its_name_ends_no_batch(tmp_path, model, capsys):
    scans = tmp_path / "scans"
    good = [f"{name}.nii" for name in ("$x^2$ and $\\frac$", "heart\U0001fac0", "line\nend", "a" * 238)]
    for number, name in enumerate(good):
        put(scans / name, number)
    os.link(scans / good[0], os.fsencode(scans / "caf") + b"\xe9.nii")
    os.link(scans / good[0], scans / ("b" * 251 + ".nii"))
    (scans / "round.nii").symlink_to("round.nii")
    (scans / "nowhere.nii").symlink_to("away.nii")
    (scans / "unpacked.nii").mkdir()
    os.mkfifo(scans / "pipe.nii")
    for given in ([scans], sorted(scans.glob("[!u]*"))):  # by the folder, and as a shell writes out scans/*
        with pytest.raises(
            CediceError, match=rf"{10 - 4 - (given != [scans])} of .* could not be labelled; the others are in "
        ):
            cedice("predict", model, *given, "-o", tmp_path / "out")
        said = capsys.readouterr()
        assert [line.partition(":")[0] for line in said.out.splitlines()] == sorted(
            name.removesuffix(".nii").replace("\n", "\\n") for name in good
        )
        assert "Glyph" not in said.err
        told = {line.rpartition(": ")[2] for line in said.err.splitlines() if line.startswith("error: ")}
        assert told >= {
            "its name is not UTF-8; rename it",
            "its results' names would be too long; shorten its name",
            "a link that leads nowhere, or round in a circle; remove it",
            "not a file",
        }
    assert rows(tmp_path / "out/volumes.csv") == {name.removesuffix(".nii"): 2 for name in sorted(good)}


def test_the_same_failure_of_many_scans_is_told_twice_not_each_time(tmp_path, model, capsys):
    """Once with the first scan's name, and once at the end with how many more."""
    pixels = np.random.default_rng(0).integers(0, 256, (96, 96, 3), dtype=np.uint8)
    for number in range(5):
        (tmp_path / "scans").mkdir(exist_ok=True)
        Image.fromarray(pixels).save(tmp_path / f"scans/eye{number}.png")
    with pytest.raises(CediceError, match=r"5 of 5 scans could not be labelled$"):
        cedice("predict", model, tmp_path / "scans", "-o", tmp_path / "out")
    first, rest = (line for line in capsys.readouterr().err.splitlines() if line.startswith("error: "))
    assert "eye0.png: in colour" in first
    assert rest.startswith("error: 4 more: in colour")


def test_little_memory_is_one_line(tmp_path, model, monkeypatch):
    def full(*_: object) -> None:
        raise MemoryError("Unable to allocate 600. MiB for an array with shape (300, 512, 512) and data type float64")

    monkeypatch.setattr("cedice.data.nifti.read", full)
    with pytest.raises(CediceError, match=r"ct.nii.gz: does not fit into the memory"):
        cedice("predict", model, put(tmp_path / "ct.nii.gz"), "-o", tmp_path / "out")


def test_a_failure_leaves_the_first_results_whole(tmp_path, model, monkeypatch):
    scan = put(tmp_path / "heart.nii.gz")
    cedice("predict", model, scan, "-o", tmp_path / "out")
    before = contents(tmp_path / "out")

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(outputs, "save_figure", interrupted)  # the labels are written by then
    with pytest.raises(KeyboardInterrupt):
        cedice("predict", model, scan, "-o", tmp_path / "out", "--probabilities")
    assert contents(tmp_path / "out") == before


@pytest.mark.slow
def test_ctrl_c_leaves_whole_results_only(tmp_path, model):
    for number in range(40):
        put(tmp_path / f"scans/s{number:02}.nii.gz", number)
    out, command = (
        tmp_path / "out",
        [sys.executable, "-m", "cedice.cli", "predict", model, tmp_path / "scans", "-o", tmp_path / "out"],
    )
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while len(list(out.glob("*_labels.nii.gz"))) < 2 and process.poll() is None:
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGINT)
        _, errors = process.communicate()
    assert process.returncode == 1
    assert errors.splitlines()[-1] == "error: interrupted; nothing was left half-written"
    labelled = rows(out / "volumes.csv")
    assert 0 < len(labelled) < 40
    assert {path.name for path in out.iterdir()} == {"volumes.csv", "cedice-written.csv", LOCK} | {
        name for scan in labelled for name in results.names(Path(f"{scan}.nii.gz"), False)
    }
    cedice("predict", model, tmp_path / "scans", "-o", out)
    assert len(rows(out / "volumes.csv")) == 40


def test_ctrl_c_while_results_move_in_waits_until_all_are_there(tmp_path, monkeypatch):
    out, replace = tmp_path / "out", Path.replace

    def interrupted(new: Path, target: Path) -> Path:
        os.kill(os.getpid(), signal.SIGINT)
        return replace(new, target)

    heart = Results(out, put(tmp_path / "model.nii"))
    with pytest.raises(KeyboardInterrupt), heart.adding(put(tmp_path / "heart.nii.gz"), [{"scan": "heart"}]) as new:
        for name in ("heart_labels.nii.gz", "heart_preview.png"):
            (new / name).write_text(name)
        monkeypatch.setattr(Path, "replace", interrupted)
    assert {path.name for path in out.iterdir()} == {
        LOCK,
        "cedice-written.csv",
        "heart_labels.nii.gz",
        "heart_preview.png",
        "volumes.csv",
    }
    assert rows(out / "volumes.csv") == {"heart": 1}
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def add(out: Path, scans: list[Path], dies: int | None = None) -> None:
    """Results without a network; killed when about to move a file for the time number ``dies``."""
    replace, left = Path.replace, dies

    def counted(new: Path, target: Path) -> Path:
        nonlocal left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
        return replace(new, target)

    if dies is not None:
        Path.replace = counted
    for scan in scans:
        name = scan.name.removesuffix(".nii")
        with Results(out, MODEL).adding(scan, [{"scan": name, "class": "grey", "voxels": dies}]) as new:
            for file in results.names(scan, False):
                (new / file).write_text(f"{file} of {dies}")


def fork(*arguments: object) -> multiprocessing.Process:
    process = multiprocessing.get_context("fork").Process(target=add, args=arguments)
    process.start()
    return process


MODEL = Path(__file__)  # any file


def test_two_processes_add_to_one_folder_at_once(tmp_path):
    scans = [put(tmp_path / f"s{number}.nii", number) for number in range(30)]
    processes = [fork(tmp_path / "out", part) for part in (scans[:20], scans[10:])]
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert rows(tmp_path / "out/volumes.csv").keys() == {f"s{number}" for number in range(30)}
    Results(tmp_path / "out", MODEL).check({scan: results.names(scan, False) for scan in scans})
    files = {name for scan in scans for name in results.names(scan, False)}
    assert {path.name for path in (tmp_path / "out").iterdir()} == {*files, "volumes.csv", "cedice-written.csv", LOCK}


@pytest.mark.parametrize("step", range(6))
def test_a_process_that_is_killed_while_results_move_in_leaves_all_or_none(tmp_path, step):
    """Which, is known when the next one comes; the steps are the list in the scratch folder, and four files."""
    out, first, second = tmp_path / "out", put(tmp_path / "a.nii"), put(tmp_path / "b.nii", 1)
    add(out, [first, second])
    before = contents(out)
    process = fork(out, [first], step)
    process.join()
    assert process.exitcode == (-signal.SIGKILL if step < 5 else 0)
    Results(out, MODEL).check({scan: results.names(scan, False) for scan in (first, second)})
    after = contents(out)
    assert after.keys() == before.keys()
    changed = {name for name in after if after[name] != before[name]} - {LOCK, "cedice-written.csv"}
    assert changed == (set() if step == 0 else {*results.names(first, False), "volumes.csv"})
    assert rows(out / "volumes.csv") == {"a": 1, "b": 1}


def test_what_a_person_corrects_after_a_kill_stays(tmp_path):
    out, scan = tmp_path / "out", put(tmp_path / "a.nii")
    add(out, [scan])
    fork(out, [scan], 2).join()  # with one of its files moved
    (out / "a_labels.nii.gz").write_text("mine")
    with pytest.raises(CediceError, match=r"a_labels.nii.gz \(changed since cedice wrote it\)"):
        Results(out, MODEL).check({scan: results.names(scan, False)})
    assert (out / "a_labels.nii.gz").read_text() == "mine"


def test_another_models_results_are_somebody_elses(tmp_path, model, capsys):
    scan, second = put(tmp_path / "heart.nii.gz"), put(tmp_path / "other.nii.gz", 1)
    other = write_model(tmp_path / "finer.safetensors", "RAS")
    cedice("predict", model, scan, "-o", tmp_path / "out")
    before = contents(tmp_path / "out")
    with pytest.raises(CediceError, match=r"heart_labels.nii.gz \(of another model named grey\)"):
        cedice("predict", other, scan, "-o", tmp_path / "out")
    assert contents(tmp_path / "out").items() >= before.items() - {(LOCK, before[LOCK])}
    cedice("predict", other, second, "-o", tmp_path / "out")
    with (tmp_path / "out/volumes.csv").open(newline="") as stream:
        assert {(row["scan"], row["model"]) for row in csv.DictReader(stream)} == {("heart", "grey"), ("other", "finer")}
    with (tmp_path / "out/cedice-written.csv").open(newline="") as stream:
        written = {row["file"]: (row["model"], row["model_sha256"]) for row in csv.DictReader(stream)}
    assert written["heart_labels.nii.gz"] == ("grey", sha256(model))
    assert written["other_preview.png"] == ("finer", sha256(other))
    cedice("predict", other, scan, "-o", tmp_path / "out", "--overwrite")
    assert "grey" not in (tmp_path / "out/volumes.csv").read_text().replace("grey,", "class,")


def test_who_comes_second_with_another_model_is_refused_though_both_began_in_an_empty_folder(tmp_path):
    scan, out = put(tmp_path / "a.nii"), tmp_path / "out"
    names = results.names(scan, False)
    first, second = Results(out, MODEL), Results(out, scan)
    for each in (first, second):
        each.check({scan: names})
    for each, ends in ((first, nullcontext()), (second, pytest.raises(CediceError, match="another model named test_results"))):
        with ends, each.adding(scan, [{"scan": "a"}]) as new:
            for name in names:
                (new / name).write_text(f"of {each.model}")
    assert (out / "a_labels.nii.gz").read_text() == "of test_results"


@pytest.mark.parametrize("lacking", ["model|threshold", "threshold"])
def test_a_list_of_a_version_that_named_no_model_or_no_threshold_is_read(tmp_path, lacking):
    out, old, new = tmp_path / "out", put(tmp_path / "old.nii"), put(tmp_path / "new.nii", 1)
    add(out, [old])
    for name in ("volumes.csv", "cedice-written.csv"):  # as version 0.1.0, or a later one, wrote them
        with (out / name).open(newline="") as stream:
            kept = [{key: value for key, value in row.items() if not re.match(lacking, key)} for row in csv.DictReader(stream)]
        if name == "cedice-written.csv":
            kept = [row | ({"sha256": sha256(out / "volumes.csv")} if row["file"] == "volumes.csv" else {}) for row in kept]
        with (out / name).open("w", newline="") as stream:
            writer = csv.DictWriter(stream, list(kept[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(kept)
    given, other = {old: results.names(old, False)}, "of a model that the list does not name"
    with pytest.raises(CediceError, match=other) if "model" in lacking else nullcontext():
        Results(out, MODEL).check(given)
    with pytest.raises(CediceError, match=other if "model" in lacking else "at a threshold of 0.5"):
        Results(out, MODEL, threshold=0.3).check(given)
    add(out, [new])
    assert rows(out / "volumes.csv") == {"old": 1, "new": 1}
    with (out / "volumes.csv").open(newline="") as stream:
        assert {row["threshold"] for row in csv.DictReader(stream)} == {"0.5"}


def test_no_word_of_the_scans_header_goes_into_the_results(tmp_path, model):
    scan = nibabel.load(put(tmp_path / "plain.nii.gz"))
    for field, text in (
        ("descrip", b"DOE^JANE"),
        ("db_name", b"DOE^JANE"),
        ("aux_file", b"DOE^JANE"),
        ("intent_name", b"DOE^JANE"),
    ):
        scan.header[field] = text
    scan.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"DOE^JANE born 1970"))
    scan.to_filename(tmp_path / "scan.nii.gz")
    assert b"DOE^JANE" in bytes(nibabel.load(tmp_path / "scan.nii.gz").header.extensions[0].get_content())
    cedice("predict", model, tmp_path / "scan.nii.gz", "-o", tmp_path / "out", "--probabilities")
    for kind in ("labels", "probabilities"):
        written = nibabel.load(tmp_path / f"out/scan_{kind}.nii.gz")
        assert not written.header.extensions
        assert b"DOE" not in written.header.binaryblock


def test_a_file_in_the_place_of_the_folder(tmp_path, model):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(CediceError, match="a folder is needed for the results"):
        cedice("predict", model, put(tmp_path / "heart.nii.gz"), "-o", tmp_path / "out")
    (tmp_path / "other").mkdir()
    (tmp_path / "other/cedice-written.csv").write_text("a,b\n1,2\n")
    with pytest.raises(CediceError, match="not the list of files that cedice wrote"):
        cedice("predict", model, tmp_path / "heart.nii.gz", "-o", tmp_path / "other")


def test_only_background_is_said(tmp_path, model, capsys):
    air = nibabel.Nifti1Image(np.full((40, 36, 3), -950, np.int16), np.eye(4))
    for name in ("a", "b", "c"):
        air.to_filename(tmp_path / f"{name}.nii.gz")
    cedice("predict", model, *(tmp_path / f"{name}.nii.gz" for name in "abc"), "-o", tmp_path / "out")
    said = capsys.readouterr()
    assert "a: grey 0 voxels, white 0 voxels" in said.out
    lines = [line for line in said.err.splitlines() if "background only" in line]
    assert len(lines) == 2
    assert lines[0].startswith("warning: ")
    assert "a.nii.gz: background only" in lines[0]
    assert lines[1].startswith("warning: 2 more: ")


@pytest.mark.parametrize("count", [1, 4])
def test_names_of_a_preview_lie_within_it(count):
    """One slice's picture is 2.4 inches wide; its legend was cut at both sides."""
    classes = ("background", "right ventricle", "myocardium", "left ventricle", "a name that is longer than one slice is wide")
    image, labels = np.zeros((count, 8, 8)), np.ones((count, 8, 8), np.uint8)
    figure = outputs.preview("a_scan_with_the_long_name_of_a_clinic_2024", ["p_" + 40 * "s"] * count, image, labels, classes)
    figure.draw_without_rendering()
    for written in (figure._suptitle, *figure.legends, *(axes.title for axes in figure.axes)):
        box = written.get_window_extent()
        assert 0 <= box.x0 < box.x1 <= figure.bbox.x1
