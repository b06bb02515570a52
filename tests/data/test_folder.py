"""A person's own data set: what a few lines in `params.yaml` mean, and what is said of each file that does not fit them."""

import itertools
import json
import re
import shutil
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from project import FIGURES
from pydantic import ValidationError

from cedice import params, paths
from cedice.data import preprocess, slices
from cedice.data.sources.folder import FolderSource
from cedice.described import Files
from cedice.errors import CediceError

GIVEN = {
    "kind": "files",
    "path": "scans",
    "images": "{patient}/{frame}.nii.gz",
    "masks": "{patient}/{frame}_seg.nii.gz",
    "classes": {"background": 0, "tumour": [1, 3], "oedema": 2},
    "intensity": {"kind": "percentiles", "low": 0.5, "high": 99.5},
}


def own(**changes: object) -> FolderSource:
    return FolderSource("mine", Files.model_validate(GIVEN | changes))


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def found(source: FolderSource, root: Path) -> list[tuple]:
    return [(case.volume, case.patient, case.frame, case.official_split, case.patient_number) for case in source.cases(root)]


def test_fields_pair_images_and_masks_and_name_the_patient(tmp_path):
    touch(tmp_path, *(f"p{n}/{t}{kind}.nii.gz" for n in (1, 2) for t in ("ed", "es") for kind in ("", "_seg")), "notes.txt")
    assert found(own(), tmp_path) == [
        ("p1_ed", "p1", "ed", None, 1),
        ("p1_es", "p1", "es", None, 1),
        ("p2_ed", "p2", "ed", None, 2),
        ("p2_es", "p2", "es", None, 2),
    ]


def test_folders_say_the_split_and_each_file_is_a_patient_without_the_field(tmp_path):
    touch(tmp_path, "Train/img/a.png", "Train/gt/a.png", "testing/img/a.png", "testing/gt/a.png")
    source = own(images="{split}/img/{name}.png", masks="{split}/gt/{name}.png")
    assert found(source, tmp_path) == [("Train_a", "Train_a", "", "train", 1), ("testing_a", "testing_a", "", "val", 2)]


def test_a_field_that_stands_twice_and_stars(tmp_path):
    touch(
        tmp_path, "x/s1/deep/s1_t1_v2.nii", "x/s1/deep/s1_mask.nii", "x/s1/deep/s2_t1_v2.nii", "s3/s3_t1_.nii", "s3/s3_mask.nii"
    )
    source = own(images="**/{patient}/**/{patient}_t1_*.nii", masks="**/{patient}/**/{patient}_mask.nii")
    assert [case.patient for case in source.cases(tmp_path)] == ["s1", "s3"]


@pytest.mark.parametrize(
    ("files", "line"),
    [
        (["p1/ed.nii.gz"], "p1/ed.nii.gz has no mask (p1/ed_seg.nii.gz); add it"),
        (["p1/ed_seg.nii.gz"], "p1/ed_seg.nii.gz has no image (p1/ed.nii.gz); add it"),
        (["other.nii.gz"], "no file fits '{patient}/{frame}.nii.gz'; compare datasets.mine.images"),
        ([], "no file fits"),
    ],
)
def test_what_does_not_pair_is_named(tmp_path, files, line):
    with pytest.raises(CediceError) as caught:
        own().cases(touch(tmp_path, *files))
    assert line in str(caught.value)


def test_every_problem_is_told_not_the_first_only(tmp_path):
    touch(
        tmp_path,
        "a/img.png",
        "a/gt.png",
        "b/img.png",
        "b/img.tif",
        "b/gt.png",
        "c/img.mha",
        "c/gt.png",
        "dev/img.png",
        "dev/gt.png",
    )
    survey = own(images="{split}/img.*", masks="{split}/gt.png").survey(tmp_path)
    assert not survey.cases
    assert [problem.removeprefix("mine: ") for problem in survey.problems] == [
        "b/img.png and b/img.tif both fit images and agree in all fields; choose one, as by images: '{split}/img.png', "
        "or name by another field what tells them apart",
        "c/img.mha: not of a kind that is read (.nii, .nii.gz, .png, .jpg, .jpeg, .tif, .tiff, .gif); "
        "make the pattern narrower, or convert it",
        *(
            f"{name}/img.png: {{split}} is '{name}' here; use one of train, training, val, validation, test, testing"
            for name in ("a", "b", "dev")
        ),
    ]


WRONG = {
    "no field": ({"images": "img/*.png", "masks": "gt/*.png"}, "needs a field in braces"),
    "an odd field": ({"images": "{Patient 1}/a.png"}, "needs a field in braces"),
    "a brace too few": ({"images": "{patient}/{frame.png"}, "one word of small letters"),
    "an absolute path": ({"images": "/{patient}/{frame}.png"}, "below the data set's folder"),
    "a backslash": ({"images": "{patient}\\{frame}.png"}, "below the data set's folder"),
    "other fields": ({"masks": "{patient}/{time}.nii"}, "the same fields"),
    "a value twice": ({"classes": {"background": 0, "a": [1, 2], "b": 2}}, "stands there twice"),
    "a class of nothing": ({"classes": {"background": 0, "a": []}}, "no value"),
    "no background": ({"classes": {"a": 0, "b": 1}}, "must be background"),
    "one class": ({"classes": {"background": 0}}, "at least 2"),
    "a class that is no name": ({"classes": {"background": 0, "<b>": 1}}, "a name here has letters and digits"),
    "a fraction": ({"classes": {"background": 0, "a": 0.5}}, "valid integer"),
    "falling intensities": ({"intensity": {"kind": "window", "low": 3, "high": 2}}, "low must lie below high"),
    "percentiles beyond 100": ({"intensity": {"kind": "percentiles", "low": 1, "high": 200}}, "between 0 and 100"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_description_is_refused(wrong):
    changes, message = WRONG[wrong]
    with pytest.raises(ValidationError, match=message):
        own(**changes)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"own.epochs": {"mine": 1}}, "own.epochs.mine: datasets does not describe mine"),
        (
            {"run.studies": ["own"], "run.datasets": ["acdc-test"]},
            "run.datasets names acdc-test, but there is no own.epochs.acdc-test",
        ),
        ({"run.datasets": ["acdc", "acdc"]}, "run.datasets: a value stands there twice"),
        ({"run.seeds": [7]}, "run.seeds names 7, which is none of demo.seeds"),
        ({"datasets.acdc": GIVEN}, "datasets.acdc has the name of a published data set"),
        ({"demo.epochs.hippocampus": 1}, "epochs.hippocampus: there are phantoms of acdc and covid19 alone"),
        (
            {"datasets.brats": {"kind": "published"}},
            "datasets.brats is not one of the published ones that are known: acdc, covid19, hippocampus, acdc-test",
        ),
        ({"datasets.my data": GIVEN}, "datasets.my data"),
        ({"datasets.mine": GIVEN | {"masks": "gt/{name}.png"}}, "datasets.mine: images and masks must"),
        (
            {"datasets.mine": {("mask" if key == "masks" else key): value for key, value in GIVEN.items()}},
            "datasets.mine.mask: unknown key (did you mean masks?)",
        ),
        ({"datasets.mine": GIVEN | {"chanel": "red"}}, "datasets.mine.chanel: unknown key (did you mean channel?)"),
        ({"datasets.mine": {key: GIVEN[key] for key in GIVEN if key != "classes"}}, "datasets.mine.classes: missing key"),
        ({"datasets.mine": GIVEN | {"path": ""}}, "datasets.mine.path"),
        ({"reports": ["demo", "own"]}, "reports names own, which has no data set"),
    ],
)
def test_what_does_not_fit_together_is_one_line(project, edit_params, changes, line):
    edit_params(project, changes)
    with pytest.raises(CediceError) as caught:
        params.load()
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


ALPHABET = st.sampled_from("ab.1_-")
PIECE = st.text(ALPHABET, min_size=1, max_size=6)


@given(st.lists(PIECE, min_size=1, max_size=3), PIECE)
@settings(max_examples=60)
def test_a_pattern_finds_what_it_was_filled_with(folders, name):
    """Whatever the names: a field is one whole piece where / stands on both sides of it."""
    source = own(images="in/" + "/".join(f"{{{letter}}}" for letter in "abc"[: len(folders)]) + "/{name}.png",
                 masks="gt/" + "/".join(f"{{{letter}}}" for letter in "abc"[: len(folders)]) + "/{name}.png")  # fmt: skip
    path = f"in/{'/'.join(folders)}/{name}.png"
    assert source._images.match(path) == dict(zip([*"abc"[: len(folders)], "name"], [*folders, name], strict=True))
    assert source.canonical(path) == path
    assert source.canonical(f"{path}/more") is None


def scans(folder: Path, kind: str) -> None:
    """Five patients of two scans; a bright square on a dark ground, of 8 or 16 bits, as volumes of 3 slices or single ones."""
    random = np.random.default_rng(0)
    for number in range(5):
        for frame in ("ed", "es"):
            labels = np.zeros((40, 30, 3), np.uint8)
            labels[10:20, 5 + number : 20], labels[12:15, 8:10] = 1, 2
            image = (labels > 0) * 100 + random.integers(0, 50, labels.shape)
            place = folder / f"p{number}"
            place.mkdir(parents=True, exist_ok=True)
            if kind.startswith("nii"):
                flat = kind.endswith("2-D")
                for name, voxels in ((frame, image.astype(np.int16)), (f"{frame}_seg", labels)):
                    nibabel.Nifti1Image(voxels[:, :, 0] if flat else voxels, np.diag([0.5, 0.5, 2, 1])).to_filename(
                        place / f"{name}.{'nii' if flat else 'nii.gz'}"
                    )
            else:
                suffix, deep = kind.split()
                pixels = image[:, :, 0].T
                Image.fromarray(pixels.astype(np.uint16) * 200 if deep == "16" else pixels.astype(np.uint8)).save(
                    place / f"{frame}.{suffix}", **({"quality": 100} if suffix == "jpg" else {})
                )
                mask = Image.fromarray(labels[:, :, 0].T.copy())
                if deep == "palette":
                    mask = mask.convert("P")
                mask.save(place / f"{frame}_seg.png")


KINDS = {
    "nii.gz": "nii.gz",
    "nii 2-D": "nii",
    "png 8": "png",
    "png 16": "png",
    "tif 16": "tif",
    "jpg 8": "jpg",
    "png palette": "png",
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file_through_download_and_preprocess(project, stage, edit_params, kind):
    scans(project / "scans", kind)
    masks = "png" if KINDS[kind] in ("tif", "jpg") else KINDS[kind]
    described = GIVEN | {
        "images": f"{{patient}}/{{frame}}.{KINDS[kind]}",
        "masks": f"{{patient}}/{{frame}}_seg.{masks}",
        "classes": {"background": 0, "square": 1, "spot": 2},
    }
    edit_params(project, {"datasets.mine": described, "own.epochs": {"mine": 1}})
    for step in ("download", "preprocess"):
        assert stage(step, "--study", "own", "--dataset", "mine") is None
    made = slices.load(*paths.slices("own", "mine"))
    assert len(made.index) == (30 if kind == "nii.gz" else 10)
    assert set(made.index["patient"][made.index["split"] == "val"]) == {"p4"}
    row = made.index.iloc[0]
    assert (row["native_width"], row["native_height"], row["frame"]) == (40, 30, "ed")
    labels = np.zeros((30, 40), np.uint8)
    labels[5:20, 10:20], labels[8:10, 12:15] = 1, 2
    np.testing.assert_array_equal(made.masks[0], preprocess.resize_mask(labels))
    inside, outside = made.images[0][made.masks[0] > 0], made.images[0][made.masks[0] == 0]
    assert inside.mean() > outside.mean() + 100


OWN_ALONE = {"run.studies": ["own"], "run.datasets": ["mine"], "run.seeds": [0, 1], "reports": ["own"]}


def test_the_whole_pipeline_says_of_own_data_what_it_says_of_the_papers(project, stage, edit_params, command):
    for part in ("a", "b"):
        scans(project / "scans" / part, "nii.gz")
    described = GIVEN | {
        "images": "{part}/{patient}/{frame}.nii.gz",
        "masks": "{part}/{patient}/{frame}_seg.nii.gz",
        "classes": {"background": 0, "square": 1, "spot": 2},
    }
    for number in range(5):  # ten patients, of whom two validate
        (project / f"scans/b/p{number}").rename(project / f"scans/b/p{number + 5}")
    tiny = {"own.train.base_channels": 2, "own.train.depth": 2, "own.grid.size": 64, "own.seeds": [0, 1]}
    edit_params(project, {"datasets.mine": described, "own.epochs": {"mine": 2}} | tiny | OWN_ALONE)
    for step in ("download", "preprocess"):
        assert stage(step, "--study", "own", "--dataset", "mine") is None
    for loss, seed in itertools.product(("ce", "ce_dl"), "01"):
        for step in ("train", "evaluate"):
            assert stage(step, "--study", "own", "--dataset", "mine", "--loss", loss, "--seed", seed) is None
    assert stage("gather", "--study", "own", "--dataset", "mine") is None
    for step in ("samples", "figure1", "table", "plot"):
        assert stage(step, "--study", "own") is None
    reports = project / "reports/own"
    metrics = json.loads((reports / "summary.json").read_text())
    assert list(metrics) == ["last", "averaged"]
    for found in metrics.values():
        assert list(found) == ["mine"]
        assert found["mine"]["ce"]["paper"] == {"dice": None, "iou": None, "pixel_error": None}
        assert found["mine"]["ce"]["minus_paper"] == found["mine"]["ce"]["paper"]
        assert 0 <= found["mine"]["ce_dl"]["dice"] <= 1
    verdict = pd.read_csv(reports / "tables/verdict.csv")
    assert len(verdict) == 2 * 5
    assert set(verdict["units"]) <= {1, 2}
    assert sorted(path.name for path in (reports / "figures").iterdir()) == FIGURES
    for path in [*sorted((reports / "tables").glob("*.md")), reports / "index.html"]:
        text = re.sub(r"base64,[^\"]*", "", path.read_text(encoding="utf-8"))
        assert "mine" in text
        assert not re.search(r"ACDC|COVID|\| the paper \|", text), path
    assert "misfit" not in pd.read_csv(reports / "tables/conventions.csv")
    command("dvc", "init", "--no-scm", cwd=project)
    status, output = command("dvc", "repro", "--dry", "plot@own", cwd=project)
    assert status == 0, output
    assert "Running stage 'train@own-mine-ce_dl-1'" in output
    assert "Running stage 'plot@own'" in output
    assert "@demo" not in output


def test_a_data_set_may_be_an_archive(project, stage, edit_params, command):
    scans(project / "scans", "nii.gz")
    command("python", "-m", "zipfile", "-c", "../scans.zip", ".", cwd=project / "scans")
    described = GIVEN | {"path": "scans.zip", "classes": {"background": 0, "square": 1, "spot": 2}}
    edit_params(project, {"datasets.mine": described, "own.epochs": {"mine": 1}})
    for step in ("download", "preprocess"):
        assert stage(step, "--study", "own", "--dataset", "mine") is None
    assert len(slices.load(*paths.slices("own", "mine")).index) == 30
    (project / "scans.zip").unlink()
    line = stage("download", "--study", "own", "--dataset", "mine")
    assert line == "error: mine: scans.zip is not there; correct datasets.mine.path in params.yaml"


def test_a_relative_path_is_from_the_checkout_in_dvcs_copy_of_it_too(project, stage, edit_params, monkeypatch):
    """As `dvc exp run --queue` and `--temp` make it: without what Git does not hold."""
    scans(project / "scans", "nii.gz")
    described = GIVEN | {"path": "scans"}
    edit_params(project, {"datasets.mine": described, "own.epochs": {"mine": 1}})
    copy = project / ".dvc/tmp/exps/tmpcopy"
    copy.mkdir(parents=True)
    shutil.copy(project / "params.yaml", copy)
    monkeypatch.chdir(copy)
    assert stage("download", "--study", "own", "--dataset", "mine") is None
    assert len(list(paths.raw("own", "mine").rglob("*.nii.gz"))) == 20
    monkeypatch.setenv("CEDICE_ARCHIVES", "archives")
    line = stage("download", "--study", "small", "--dataset", "acdc")
    assert line.startswith(f"error: CEDICE_ARCHIVES: {project}/archives is not a folder")


def test_a_label_that_no_class_has_is_named(project, stage, edit_params):
    scans(project / "scans", "nii.gz")
    edit_params(
        project,
        {
            "datasets.mine": GIVEN | {"classes": {"background": 0, "square": 1}},
            "own.epochs": {"mine": 1},
        },
    )
    assert stage("download", "--study", "own", "--dataset", "mine") is None
    line = stage("preprocess", "--study", "own", "--dataset", "mine")
    assert "p0/ed_seg.nii.gz: 18 voxels hold labels outside the classes (0, 1), the first is 2" in line


def test_the_example_of_the_walk_through_is_valid(project):
    """What it tells to write into `params.yaml`."""
    text = (ROOT / "docs/own-data.md").read_text(encoding="utf-8")
    block = yaml.safe_load(next(part for part in text.split("```yaml\n")[1:] if "datasets:" in part).split("```")[0])
    whole = yaml.safe_load((project / "params.yaml").read_text(encoding="utf-8"))
    whole["datasets"] |= block["datasets"]
    whole["own"] |= block["own"]
    (project / "params.yaml").write_text(yaml.safe_dump(whole), encoding="utf-8")
    assert params.load().own.epochs == block["own"]["epochs"]
