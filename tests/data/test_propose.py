"""`cedice data add`: what it proposes for the layouts that people have, and what it writes into `params.yaml`."""

import io
import json
import os
import re
import shutil
import zipfile
from collections import Counter
from pathlib import Path

import nibabel
import numpy as np
import pytest
import yaml
from conftest import ROOT
from PIL import Image

from cedice import cli, params
from cedice.data import hidden
from cedice.data.propose import propose
from cedice.errors import CediceError


def volume(path: Path, voxels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.Nifti1Image(voxels, np.eye(4)).to_filename(path)


def picture(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def put(folder: Path, image: str, mask: str, value: int = 1) -> None:
    labels = np.zeros((20, 18), np.uint8)
    labels[3:9, 3:9] = value
    grey = np.random.default_rng(0).integers(0, 250, labels.shape)
    if image.endswith("png"):
        picture(folder / image, grey.astype(np.uint8))
        picture(folder / mask, labels)
    else:
        volume(folder / image, np.stack([grey] * 3, axis=2).astype(np.int16))
        volume(folder / mask, np.stack([labels] * 3, axis=2))


LAYOUTS = {
    "folders of pictures": (
        ("images/{n}7.png", "masks/{n}7.png"),
        ("images/{name}.png", "masks/{name}.png"),
    ),
    "patients with frames": (
        ("p{n}/{f}.nii.gz", "p{n}/{f}_seg.nii.gz"),
        ("{patient}/{name}.nii.gz", "{patient}/{name}_seg.nii.gz"),
    ),
    "ACDC's": (
        ("patient00{n}/patient00{n}_{f}.nii.gz", "patient00{n}/patient00{n}_{f}_gt.nii.gz"),
        ("{patient}/{patient}_{name}.nii.gz", "{patient}/{patient}_{name}_gt.nii.gz"),
    ),
    "nnU-Net's": (
        ("imagesTr/heart_{n}_0000.nii.gz", "labelsTr/heart_{n}.nii.gz"),
        ("imagesTr/heart_{name}_0000.nii.gz", "labelsTr/heart_{name}.nii.gz"),
    ),
    "the Decathlon's": (
        ("Task/imagesTr/hip_{n}.nii.gz", "Task/labelsTr/hip_{n}.nii.gz"),
        ("Task/imagesTr/hip_{name}.nii.gz", "Task/labelsTr/hip_{name}.nii.gz"),
    ),
    "patients with fixed names": (
        ("p{n}/image.nii.gz", "p{n}/mask.nii.gz"),
        ("{patient}/image.nii.gz", "{patient}/mask.nii.gz"),
    ),
    "slices named after patients": (
        ("images/p{n}_{f}.png", "masks/p{n}_{f}.png"),
        ("images/{patient}_{name}.png", "masks/{patient}_{name}.png"),
    ),
    "COVID-SemiSeg's": (
        ("Doctor-label/Imgs/{n}.png", "Doctor-label/GT/{n}.png"),
        ("Doctor-label/Imgs/{name}.png", "Doctor-label/GT/{name}.png"),
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_layouts(tmp_path, layout, kind):
    (image, mask), expected = LAYOUTS[layout]
    for number in range(6):
        for frame in ("ed", "es"):
            put(tmp_path / "set", image.format(n=number, f=frame), mask.format(n=number, f=frame))
    if layout == "nnU-Net's":  # images without masks
        put(tmp_path / "set", "imagesTs/heart_9_0000.nii.gz", "x.nii.gz")
        (tmp_path / "set/x.nii.gz").unlink()
    path = tmp_path / "set"
    if kind == "zip":
        path = Path(shutil.make_archive(str(tmp_path / "set"), "zip", path))
    proposal = propose(path)
    assert (proposal.entry["images"], proposal.entry["masks"]) == expected
    assert proposal.entry["classes"] == {"background": 0, "class 1": 1}
    of_pictures = image.endswith("png")
    window, percentiles = {"kind": "window", "low": 0, "high": 255}, {"kind": "percentiles", "low": 0.5, "high": 99.5}
    assert proposal.entry["intensity"] == (window if of_pictures else percentiles)
    assert proposal.train["batch_size"] == 4
    assert proposal.notes[0].startswith("12 pairs" if "{f}" in image else "6 pairs")


def test_classes_named_by_a_dataset_json_hounsfield_units_and_colour(tmp_path):
    for number in range(4):
        put(tmp_path / "ct", f"imagesTr/a_{number}.nii.gz", f"labelsTr/a_{number}.nii.gz", 2)
        volume(tmp_path / f"ct/imagesTr/a_{number}.nii.gz", np.full((20, 18, 3), -1000, np.int16))
        put(tmp_path / "eyes", f"images/{number}.png", f"masks/{number}.png", 255)
        colour = np.random.default_rng(0).integers(0, 255, (20, 18, 3)).astype(np.uint8)
        picture(tmp_path / f"eyes/images/{number}.png", colour)
    (tmp_path / "ct/dataset.json").write_text(json.dumps({"labels": {"0": "background", "2": "Lesion"}}))
    ct, eyes = propose(tmp_path / "ct").entry, propose(tmp_path / "eyes").entry
    assert ct["classes"] == {"background": 0, "lesion": 2}
    assert ct["intensity"] == {"kind": "window", "low": -1000, "high": 400}
    assert (eyes["channel"], eyes["classes"]) == ("grey", {"background": 0, "class 255": 255})


@pytest.mark.parametrize(
    ("files", "line"),
    [
        ([], "no file of a kind that is read"),
        (["a.png", "b.png"], r"no file is named as a mask is .*; write datasets.NAME into params.yaml by hand"),
        (["images/a.png", "masks/q/b.png"], "no image has the name of a mask"),
        (
            [
                "one/images/1.png",
                "one/masks/1.png",
                "one/images/2.png",
                "one/masks/2.png",
                *(f"{kind}/{n}.png" for kind in ("images", "masks") for n in (3, 4)),
            ],
            "more than one data set could be meant",
        ),
    ],
)
def test_what_cannot_be_guessed_is_one_line(tmp_path, files, line):
    for name in files:
        picture(tmp_path / name, np.zeros((9, 9), np.uint8))
    with pytest.raises(CediceError, match=line):
        propose(tmp_path)


@pytest.fixture
def membrane(tmp_path):
    """Images, labels, and augmented ones that hold both, side by side."""
    for number in range(6):
        put(tmp_path, f"train/image/{number}.png", f"train/label/{number}.png", 255)
        for part in "abc":
            put(tmp_path, f"train/aug/image_{number}_{part}.png", f"train/aug/mask_{number}_{part}.png")
    return tmp_path


@pytest.mark.parametrize(
    ("images", "masks"),
    [
        ("train/image", "train/label/"),
        ("./train/image/", ""),
        ("train/image/{name}.png", "train/label/{name}.png"),
    ],
)
def test_images_and_masks_are_where_the_user_says(membrane, images, masks):
    told = "--images 'train/image/{name}.png' --masks 'train/label/{name}.png' \\(6 pairs\\); choose one by these options"
    with pytest.raises(CediceError, match=told):
        propose(membrane)
    for at in ("", f"{membrane}/" if images.startswith("train") else ""):
        entry = propose(membrane, f"{at}{images}", f"{at}{masks}" if masks else "").entry
        assert (entry["images"], entry["masks"]) == ("train/image/{name}.png", "train/label/{name}.png")
        assert entry["classes"] == {"background": 0, "class 255": 255}
    with pytest.raises(CediceError, match="--images train/img: no file there; give a folder in the data set"):
        propose(membrane, "train/img", masks)


@pytest.mark.parametrize(
    ("image", "mask"), [("{n}/images/{n}.png", "{n}/masks/{k}f.png"), ("images/n{n}.png", "masks/n{n}_{k}.png")]
)
def test_a_mask_for_each_nucleus_must_be_merged(tmp_path, image, mask):
    for number in range(4):
        for nucleus in range(number + 1):
            put(tmp_path, image.format(n=number), mask.format(n=number, k=nucleus))
    both = f"{mask.format(n=3, k=0)} and {mask.format(n=3, k=1)}"
    with pytest.raises(CediceError, match=f"4 images have 10 masks, as {both} of one image; merge those of an image into one"):
        propose(tmp_path)


@pytest.mark.parametrize(
    ("ground", "target", "others", "question"),
    [
        (0, -1, (), ""),
        (0, 1, (2,), ""),
        (255, 0, (), "255 was taken, which covers 90% of the masks, and 0 covers 10%; if 0 is, exchange the two"),
        (3, 0, (1, 2), "3 was taken"),
        (1, 2, (), "1 was taken, which covers 90% of the masks"),
        (-1, 7, (), "-1 was taken"),
    ],
)
def test_the_background_is_the_most_frequent_value_and_asked_for_unless_0(tmp_path, ground, target, others, question):
    labels = np.full((20, 18, 2), ground, np.int16)
    labels[3:9, 3:9] = target
    for number, value in enumerate(others):
        labels[10 + number, 3:6] = value
    for number in range(3):
        put(tmp_path, f"images/{number}.nii.gz", f"masks/{number}.nii.gz")
        volume(tmp_path / f"masks/{number}.nii.gz", labels)
    proposal = propose(tmp_path)
    classes = {f"class {value}": value for value in (target, *others)}
    assert proposal.entry["classes"] == {"background": ground} | classes
    asked = [note for note in proposal.notes if note.startswith("which value is the background?")]
    assert len(asked) == bool(question)
    assert question in "".join(asked)
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": {"background": 0, "organ": 1}}))
    named = propose(tmp_path)
    assert named.entry["classes"]["background"] == (0 if 0 in (ground, target) else ground)


def test_a_value_that_no_label_can_have(tmp_path):
    for number in range(3):
        put(tmp_path, f"images/{number}.nii.gz", f"masks/{number}.nii.gz")
        volume(tmp_path / f"masks/{number}.nii.gz", np.array([[[0], [2**32 - 1]], [[0], [0]]], np.uint32))
    with pytest.raises(CediceError, match=r"masks/0\.nii\.gz: holds 4294967295, too large for a label; export the mask"):
        propose(tmp_path)


def test_every_kind_of_image_is_looked_at(tmp_path):
    """Three images of sixty are of another depth, or in colour."""
    for number in range(60):
        put(tmp_path, f"images/{number}.png", f"masks/{number}.png")
    assert propose(tmp_path).entry["intensity"] == {"kind": "window", "low": 0, "high": 255}
    deep = [2, 17, 43]
    for number in deep:
        picture(tmp_path / f"images/{number}.png", np.random.default_rng(0).integers(0, 2**16, (20, 18)).astype(np.uint16))
    proposal = propose(tmp_path)
    assert proposal.entry["intensity"] == {"kind": "percentiles", "low": 0.5, "high": 99.5}
    assert any(note.startswith("3 of 60 images have 16 bits, as 17.png, the others 8: ") for note in proposal.notes)
    for number in deep:
        picture(tmp_path / f"images/{number}.png", np.random.default_rng(0).integers(0, 2**8, (20, 18, 3)).astype(np.uint8))
    assert propose(tmp_path).entry["channel"] == "grey"


def test_a_folder_whose_name_is_not_utf8_is_one_line(tmp_path):
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    put(folder, "images/1.png", "masks/1.png")
    with pytest.raises(CediceError, match=r"caf\\xe9: a name that is not UTF-8"):
        propose(folder)


def test_a_second_observer_is_told(tmp_path):
    for number in range(3):
        for observer in (1, 2):
            put(tmp_path, f"images/{number}.png", f"gt/{number}_manual{observer}.png")
    proposal = propose(tmp_path)
    assert proposal.entry["masks"] == "gt/{name}_manual1.png"
    assert "the images have other masks, too: gt/{name}_manual2.png; take those that you mean" in proposal.notes


@pytest.fixture
def added(project, monkeypatch, capsys):
    """added("--yes") → what the command prints, of params.yaml with its comments."""
    shutil.copy(ROOT / "params.yaml", project)
    for number in range(10):
        put(project / "scans", f"p{number}/image.nii.gz", f"p{number}/mask.nii.gz")

    def run(*options: str, answer: str = "") -> str:
        monkeypatch.setattr("sys.argv", ["cedice", "data", "add", "mine", "scans", *options])
        monkeypatch.setattr("sys.stdin", io.StringIO(answer))
        cli.main()
        return capsys.readouterr().out

    return run


@pytest.mark.parametrize(("options", "answer"), [(["--yes"], ""), ([], "y\n")])
def test_it_is_written_and_the_rest_stays(added, project, options, answer):
    before = (project / "params.yaml").read_text(encoding="utf-8")
    assert "now: cedice data check mine" in added(*options, answer=answer)
    after = (project / "params.yaml").read_text(encoding="utf-8")
    gone = (Counter(before.splitlines()) - Counter(after.splitlines())).elements()
    assert sorted(line.split(":")[0].strip() for line in gone) == ["batch_size", "epochs", "learning_rate"]  # own's
    described = params.load()
    assert described.datasets["mine"].images == "{patient}/image.nii.gz"
    assert (described.own.epochs, described.own.train.batch_size) == ({"mine": 100}, 4)
    with pytest.raises(SystemExit, match=r"datasets\.mine is in params.yaml already"):
        added("--yes")


def test_scans_in_the_checkout_stay_out_of_git_add(added, project, command):
    command("git", "init", "--quiet", cwd=project)
    assert "note: scans lies in this checkout: .git/info/exclude now keeps it out of `git add .`" in added("--yes")
    for place, told in (
        ("my [1] scans", "now keeps it out"),
        ("my [1] scans", "leaves files out"),
        ("data/it", "leaves files out"),
    ):
        shutil.copytree(project / "scans", project / place, dirs_exist_ok=True)
        shutil.copy(ROOT / ".gitignore", project)
        assert told in hidden.hide(project / place)
    command("git", "add", ".", cwd=project)
    _, tracked = command("git", "ls-files", cwd=project)
    assert "params.yaml" in tracked
    assert "image.nii.gz" not in tracked
    assert hidden.hide(project) == hidden.hide(project / "params.yaml") == hidden.hide(Path("/")) == ""


@pytest.mark.parametrize("answer", ["n\n", "", "\n"])
def test_without_a_yes_nothing_is_written(added, project, answer):
    before = (project / "params.yaml").read_bytes()
    assert "params.yaml stays as it is" in added(answer=answer)
    assert (project / "params.yaml").read_bytes() == before


def test_a_name_that_is_none_leaves_the_file_as_it_was(added, project, monkeypatch):
    before = (project / "params.yaml").read_bytes()
    monkeypatch.setattr("sys.argv", ["cedice", "data", "add", "my data", "scans", "--yes"])
    with pytest.raises(SystemExit, match=r"params\.yaml: .*\.my data: a name here has letters"):
        cli.main()
    assert (project / "params.yaml").read_bytes() == before


ENTRY = """  mine:
    kind: files
    path: scans
    images: '{patient}/image.nii.gz'
    masks: '{patient}/mask.nii.gz'
    classes: {background: 0, class 1: 1}
    intensity: {kind: percentiles, low: 0.5, high: 99.5}
"""
TRAIN = re.compile(r"  train:\n((?:    .*\n)+)")
OWN = "\nown:\n"


def with_anchor(text: str, alias: str) -> str:
    """The training of `small` under an anchor, and ``alias`` in place of that of `own`."""
    head, own = text.split(OWN)
    start = head.index("\nsmall:\n")
    shared = head[:start] + head[start:].replace("  train:\n", "  train: &shared\n", 1)
    return shared + OWN + TRAIN.sub(lambda _: alias, own)


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_nothing_changes_but_the_lines_of_the_data_set(added, project, line_end, mark):
    text = (project / "params.yaml").read_text(encoding="utf-8").replace("\n", line_end)
    text = text.replace(f"datasets:{line_end}  acdc", f"datasets:  # all{line_end}  # the heart{line_end}  acdc")
    text = text.replace("learning_rate: 0.01", "learning_rate:   1e-2  # as in the paper")
    (project / "params.yaml").write_bytes(mark + text.encode())
    added("--yes")
    head, own = text.split(f"{line_end}own:")
    head = head.replace(f"# all{line_end}", f"# all{line_end}" + ENTRY.replace("\n", line_end))
    own = own.replace("epochs: {}", "epochs: {mine: 100}").replace("batch_size: 16", "batch_size: 4")
    own = own.replace("learning_rate:   1e-2", "learning_rate:   0.003")
    assert (project / "params.yaml").read_bytes() == mark + f"{head}{line_end}own:{own}".encode()


@pytest.mark.parametrize("alias", ["  train: *shared\n", "  train:\n    <<: *shared\n", "  train: {<<: *shared}\n"])
def test_what_another_study_shares_stays_or_is_refused(added, project, alias):
    path = project / "params.yaml"
    path.write_text(with_anchor(path.read_text(encoding="utf-8"), alias), encoding="utf-8")
    before, content = params.load(), path.read_bytes()
    if "<<" not in alias:
        with pytest.raises(SystemExit, match="this would change small, too, since they share an anchor"):
            added("--yes")
        assert path.read_bytes() == content
        return
    added("--yes")
    after = params.load()
    assert (after.own.train.batch_size, after.own.train.learning_rate, after.own.epochs) == (4, 0.003, {"mine": 100})
    assert all(after.study(name) == before.study(name) for name in params.STUDIES if name != "own")


def test_a_file_in_another_layout(added, project):
    """Everything on one line, and own data sets one below the other with a comment between."""
    whole = yaml.safe_load((project / "params.yaml").read_text(encoding="utf-8"))
    (project / "params.yaml").write_text(yaml.safe_dump(whole, default_flow_style=True, width=10**6), encoding="utf-8")
    added("--yes")
    assert params.load().own.epochs == {"mine": 100}
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    epochs = "  epochs:\n    # the chest\n    covid19: 7  # seven\n  # the seeds\n"
    (project / "params.yaml").write_text(text.replace("  epochs: {}\n", epochs), encoding="utf-8")
    added("--yes")
    assert params.load().own.epochs == {"mine": 100, "covid19": 7}
    text = text.replace("datasets:\n  acdc", f"datasets:\n{ENTRY}  acdc")
    epochs = epochs.replace("epochs:\n", "epochs:\n    mine: 100\n")
    assert (project / "params.yaml").read_text(encoding="utf-8") == text.replace("  epochs: {}\n", epochs)


def test_the_real_archives_layouts(archives, tmp_path):
    with zipfile.ZipFile(archives / "covid-semiseg.zip") as archive:
        archive.extractall(tmp_path)
    doctor = propose(tmp_path / "Dataset/TrainingSet/LungInfection-Train/Doctor-label")
    assert (doctor.entry["images"], doctor.entry["masks"]) == ("Imgs/{name}.jpg", "GT/{name}.png")
    assert doctor.entry["classes"] == {"background": 0, "class 255": 255}
    with pytest.raises(CediceError, match="more than one data set could be meant"):
        propose(tmp_path / "Dataset")
