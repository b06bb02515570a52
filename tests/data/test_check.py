"""`cedice data check` tells what is there, and everything that is wrong, on data sets made to be so; and on the real ones."""

import shutil

import nibabel
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.ndimage import zoom

from cedice import cli
from cedice.analysis.statistics import units_needed
from cedice.data import check as data_check
from cedice.data import preprocess, registry
from cedice.data.duplicates import NEAR, duplicates
from cedice.data.grid import Grid
from cedice.data.slices import Slices
from cedice.data.sources.folder import FolderSource
from cedice.described import Files
from cedice.errors import CediceError

ENOUGH = units_needed(5)
DESCRIBED = {
    "kind": "files",
    "images": "{patient}/image.nii.gz",
    "masks": "{patient}/mask.nii.gz",
    "classes": {"background": 0, "square": 1},
    "intensity": {"kind": "window", "low": 0, "high": 1000},
}


@pytest.fixture
def given(tmp_path):
    """Ten patients with two slices each, all different."""
    random = np.random.default_rng(0)
    for number in range(10):
        image = random.integers(0, 1000, (50, 40, 2)).astype(np.int16)
        mask = np.zeros(image.shape, np.uint8)
        mask[10:20, 10:20, 0] = 1
        put(tmp_path, number, image, mask)
    return tmp_path


def put(folder, number, image, mask=None):
    place = folder / f"p{number}"
    place.mkdir(exist_ok=True)
    for name, voxels in (("image", image), ("mask", mask)):
        if voxels is not None:
            nibabel.Nifti1Image(voxels, np.diag([0.5, 0.75, 3, 1])).to_filename(place / f"{name}.nii.gz")


def image_of(folder, number):
    return np.asarray(nibabel.load(folder / f"p{number}/image.nii.gz").dataobj)


def check(folder, grid=Grid(256), **changes) -> data_check.Findings:  # noqa: B008  (frozen)
    source = FolderSource("mine", Files.model_validate(DESCRIBED | {"path": str(folder)} | changes))
    return data_check.check(source, "patient", ENOUGH, grid)


def test_what_is_there(given):
    found = check(given)
    assert not found.problems
    assert found.lines == [
        "10 volumes or images of 10 patients, 20 slices of 50×40 pixels",
        "spacing: 3 between slices, 0.75 × 0.5 in them, of unknown unit; cut along the third axis of the files",
        found.lines[2],
        "classes: background 97.51%, square 2.49%",
        "slices without foreground: 10; without each class: 10 square",
        "split: 8 patients (16 slices) train, 2 patients (4 slices) validate; every fifth patient in the order of their names",
        "duplicates: 0 pairs of slices across the split, of 64",
    ]
    assert found.lines[2].startswith("intensity: 0 to 999, the middle 99 % within ")
    assert found.warnings == ["2 patients validate: over fewer than 8 no difference, however clear, can be confirmed"]


def test_every_problem_with_its_file(given):
    put(given, 1, image_of(given, 1), np.full((50, 40, 2), 7, np.uint8))
    put(given, 2, image_of(given, 2)[:-1])
    (given / "p3/mask.nii.gz").unlink()
    content = (given / "p4/image.nii.gz").read_bytes()
    (given / "p4/image.nii.gz").write_bytes(content[:500])
    problems = check(given).problems
    assert len(problems) == 4
    expected = ("p3/image.nii.gz has no mask", "p1/mask.nii.gz: 4000 voxels hold", "shape (49,", "p4/image.nii.gz: not")
    for line, problem in zip(expected, problems, strict=True):
        assert line in problem
        assert str(given) not in problem


def test_slices_on_both_sides_of_the_split(given):
    put(given, 4, image_of(given, 0))  # p4 and p9 validate
    noisy = image_of(given, 1) + np.random.default_rng(1).integers(-30, 30, (50, 40, 2)).astype(np.int16)
    put(given, 9, np.clip(noisy, 0, 1000))
    told = check(given).warnings
    assert told[1] == "2 slices are on both sides of the split, byte for byte: p0_z00 = p4_z00, p0_z01 = p4_z01"
    assert told[2].startswith("2 pairs across the split are nearly alike: p1_z0")


def test_what_makes_a_result_worthless_is_warned_of(given):
    told = check(given, intensity={"kind": "window", "low": 999, "high": 2000}).warnings
    assert "100% of all pixels are 0: does the window's `low` fit these files?" in told
    assert any(line.startswith("20 slices without any contrast: p0_z00, ") and line.endswith(" and 15 more") for line in told)
    (beyond,) = check(given, intensity={"kind": "window", "low": 0, "high": 50}).problems
    assert beyond.startswith("10 of 10 files: its numbers lie between 0 and 999, nearly all beyond the window 0 to 50; ")


def test_what_the_pipeline_could_make_no_report_of_is_a_problem_and_ends_it_before_training(given):
    """A class that nobody validates, one patient that validates, a grid in mm without a unit."""
    for classes, lacking in (
        ({"background": [0, 1], "a": 2}, "a"),
        ({"background": 0, "square": 1, "a": 2, "b": 3}, "a and no b"),
    ):
        found = check(given, classes=classes)
        (line,) = found.problems
        assert line.startswith(f"split: no {lacking} in the slices that validate, so nothing could be measured of it; ")
        assert f"no {lacking} in the slices that train" in found.warnings
        assert found.slices is not None
        source = FolderSource("mine", Files.model_validate(DESCRIBED | {"path": str(given), "classes": classes}))
        with pytest.raises(CediceError, match=f"no {lacking} in the slices that validate"):
            preprocess.build(source, source.cases(given), "patient", Grid(64))
    found = check(given, grid=Grid(64, 1.0))
    (line,) = found.problems
    assert line.startswith("10 of 10 files: its header does not say how many mm a pixel has, which a grid in mm needs; ")
    found = check(given, grid=Grid(48, "native"))
    assert not found.problems
    assert found.slices.images.shape == (20, 48, 48)
    for number in range(4, 9):
        shutil.rmtree(given / f"p{number}")
    assert check(given).problems == [
        "split: 1 patient validates, but a verdict needs at least two; add more (every fifth validates)"
    ]
    put(given, 9, image_of(given, 9), np.zeros((50, 40, 2), np.uint8))
    source = FolderSource("mine", Files.model_validate(DESCRIBED | {"path": str(given)}))
    assert data_check.check(source, "folds", ENOUGH).problems[0].startswith("split: no square in the slices of fold 0, so")


def test_masks_that_are_inverted_are_a_warning(given):
    told = "square covers 98% of the pixels, the background 2%: are the masks inverted? If so, exchange the two under classes"
    assert told in check(given, classes={"background": 1, "square": 0}).warnings


def test_patients_on_both_sides_when_split_by_slice(given):
    source = FolderSource("mine", Files.model_validate(DESCRIBED | {"path": str(given)}))
    found = data_check.check(source, "slice", ENOUGH)
    assert "on both sides of the split: 4 patients" in " ".join(found.warnings)
    assert found.lines[5].endswith("every fifth slice")


def test_too_few_for_a_split_is_a_problem(given):
    for number in range(2, 10):
        shutil.rmtree(given / f"p{number}")
    found = check(given)
    assert found.slices is None
    assert found.lines
    assert "leave none for val; more patients are needed" in found.problems[0]
    found = check(given, images="{patient}/picture.png")
    assert (found.slices, len(found.lines)) == (None, 1)
    assert found.lines[0].startswith("2 files fit neither pattern (for example: p0/image.nii.gz, ")
    assert len(found.problems) == 2


def test_duplicates_by_hand():
    """Correlation of the thumbnails, against NumPy's own."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (4, 256, 256)).astype(np.uint8)
    images[2] = images[0] // 2 + 40
    images[3] = 7  # shows nothing: like no other
    index = pd.DataFrame({"slice": list("abcd"), "patient": list("abcd"), "split": ["train", "train", "val", "val"]})
    ((one, other, alike),) = duplicates(Slices(images, images, index))
    small = images.reshape(4, 32, 8, 32, 8).mean(axis=(2, 4)).reshape(4, -1)
    assert (one, other) == ("a", "c")
    assert alike == pytest.approx(np.corrcoef(small[[0, 2]])[0, 1], abs=1e-4)


def test_a_common_frame_makes_no_two_slices_alike():
    """Discs in a black frame, as retinal images are: their thumbnails correlate at 0.98, yet only the copy is a duplicate."""
    random = np.random.default_rng(0)
    radius = np.hypot(*np.mgrid[-1:1:256j, -1:1:256j])

    def disc() -> np.ndarray:
        vessels = zoom(random.normal(size=(32, 32)), 8) * 12
        return np.clip((radius < 0.95) * (150 - 60 * radius**2 + vessels), 0, 255).astype(np.uint8)

    images = np.stack([disc() for _ in range(30)])
    images[25] = np.clip(images[3] * 0.9 + random.normal(0, 4, (256, 256)), 0, 255)
    thumbnails = images.reshape(30, 32, 8, 32, 8).mean(axis=(2, 4)).reshape(30, -1)
    assert np.median(np.corrcoef(thumbnails)) > NEAR
    names = [f"s{number}" for number in range(30)]
    index = pd.DataFrame({"slice": names, "patient": names, "split": ["train"] * 20 + ["val"] * 10})
    assert [pair[:2] for pair in duplicates(Slices(images, images, index))] == [("s3", "s25")]


def test_the_command(given, project, monkeypatch, capsys, edit_params):
    edit_params(project, {"datasets.mine": DESCRIBED | {"path": str(given)}})
    monkeypatch.setattr("sys.argv", ["cedice", "data", "check", "mine"])
    cli.main()
    told = capsys.readouterr().out
    assert "contact sheet: data/check/mine.png" in told
    with Image.open(project / "data/check/mine.png") as sheet:
        assert min(sheet.size) > 300
    (given / "p3/mask.nii.gz").unlink()
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert "1 problems; the pipeline would stop at the first" in str(end.value)
    assert "problem: mine: p3/image.nii.gz has no mask (p3/mask.nii.gz)" in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", ["cedice", "data", "check", "yours"])
    with pytest.raises(SystemExit, match="unknown dataset 'yours': use one of acdc, acdc-test, "):
        cli.main()


def test_the_real_covid19_has_neighbouring_slices_on_both_sides(archives, monkeypatch):
    monkeypatch.setenv("CEDICE_ARCHIVES", str(archives))
    found = data_check.check(registry.PUBLISHED["covid19"], "patient", ENOUGH)
    assert not found.problems
    assert "train005 ~ val093 (0.98" in found.warnings[0]
    assert "train017 ~ val091 (0.97" in found.warnings[0]
