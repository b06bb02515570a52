"""Volumes to slices: resampling, the index, the two files; and every bad input as one line from the stage itself."""

import json
from pathlib import Path

import damaged
import nibabel
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cedice import paths
from cedice.data import preprocess, slices
from cedice.data.cases import Case, Volume
from cedice.data.sources.acdc import Acdc
from cedice.data.sources.covid19 import Covid19
from cedice.errors import CediceError


def test_images_shrink_by_area_not_by_picking():
    checkers = np.indices((512, 512)).sum(0) % 2 * 255.0
    inner = preprocess.resize_image(checkers)[8:-8, 8:-8]
    assert abs(inner.astype(int) - 127).max() <= 2


def test_images_keep_constants_and_range():
    assert (preprocess.resize_image(np.full((300, 200), 200.0)) == 200).all()
    noise = np.random.default_rng(0).uniform(0, 255, (154, 428))
    assert preprocess.resize_image(noise).shape == (256, 256)


def test_masks_take_the_nearest_pixel():
    mask = np.random.default_rng(0).choice(np.array([0, 1, 3], np.uint8), (154, 428))
    rows, columns = ((np.arange(256) + 0.5) * size / 256 for size in mask.shape)
    expected = mask[rows.astype(int)][:, columns.astype(int)]
    np.testing.assert_array_equal(preprocess.resize_mask(mask), expected)


@given(st.integers(1, 500), st.integers(1, 500), st.integers(0, 2**31))
@settings(max_examples=40)
def test_any_size_becomes_a_slice_without_inventing_a_label_or_leaving_the_range(height, width, seed):
    random = np.random.default_rng(seed)
    labels = random.choice(np.array(sorted(set(random.integers(0, 256, 4))), np.uint8), (height, width))
    resized = preprocess.resize_mask(labels)
    assert (resized.shape, resized.dtype) == ((256, 256), np.uint8)
    assert set(np.unique(resized)) <= set(np.unique(labels))
    np.testing.assert_array_equal(preprocess.resize_mask(labels[::-1]), resized[::-1])
    image = random.uniform(0, 255, (height, width)).astype(np.float32)
    found = preprocess.resize_image(image)
    assert (found.shape, found.dtype) == ((256, 256), np.uint8)
    assert image.min() - 1 <= found.min() <= found.max() <= image.max() + 1


def prepare(stage, study="demo", dataset="acdc"):
    assert stage("download", "--study", study, "--dataset", dataset) is None
    return paths.raw(study, dataset)


def test_the_layout_of_acdc_slices(project, stage, edit_params):
    edit_params(project, {"demo.grid.size": 256})
    root = prepare(stage)
    assert stage("preprocess", "--study", "demo", "--dataset", "acdc") is None
    made = slices.load(*paths.slices("demo", "acdc"))
    assert made.images.shape == made.masks.shape == (50, 256, 256)
    assert made.images.dtype == made.masks.dtype == np.uint8
    assert set(made.index["patient"][made.index["split"] == "val"]) == {"patient005"}
    row = made.index.iloc[12]
    assert (row["slice"], row["frame"]) == ("patient002_frame01_z02", "frame01")
    native = nibabel.load(root / "database/training/patient002/patient002_frame01_gt.nii.gz")
    labels = np.asarray(native.dataobj)
    assert (row["native_width"], row["native_height"]) == labels.shape[:2]
    assert row["spacing_rows"] == pytest.approx(native.header.get_zooms()[1], rel=1e-6)
    assert row["spacing_unit"] == "mm"
    np.testing.assert_array_equal(made.masks[12], preprocess.resize_mask(np.ascontiguousarray(labels[:, :, 2].T)))
    for label in (1, 2, 3):
        np.testing.assert_array_equal(made.index[f"pixels_{label}"], (made.masks == label).sum(axis=(1, 2)))


def test_intensity_is_the_volumes_percentiles(project, stage):
    case = Acdc().cases(prepare(stage))[0]
    voxels = np.asarray(nibabel.load(case.image).dataobj).astype(float)
    low, high = np.percentile(voxels, (0.5, 99.5))
    expected = np.clip((voxels - low) / (high - low), 0, 1).T * 255
    np.testing.assert_allclose(Acdc().read(case).image, expected, atol=1e-3)


def test_the_official_split_and_the_split_by_slice(project, stage, edit_params):
    prepare(stage, dataset="covid19")
    assert stage("preprocess", "--study", "demo", "--dataset", "covid19") is None
    made = slices.load(*paths.slices("demo", "covid19"))
    assert (made.index["split"] == made.index["slice"].str[:3].replace("tra", "train")).all()
    edit_params(project, {"demo.split": "slice"})
    assert stage("preprocess", "--study", "demo", "--dataset", "covid19") is None
    assert slices.load(*paths.slices("demo", "covid19")).index["split"].to_list() == (["train"] * 4 + ["val"]) * 5


def test_five_trainings_with_folds_validate_every_patient_once(project, stage, edit_params):
    prepare(stage)
    edit_params(project, {"demo.split": "folds"})
    assert stage("preprocess", "--study", "demo", "--dataset", "acdc") is None
    made = slices.load(*paths.slices("demo", "acdc"))
    assert "split" not in made.index
    validating = [set(made.part("val", seed).index["patient"]) for seed in range(6)]
    assert sorted(patient for patients in validating[:5] for patient in patients) == sorted(set(made.index["patient"]))
    assert validating[5] == validating[0]
    for seed in range(5):
        assert sorted([*made.rows("train", seed), *made.rows("val", seed)]) == list(range(len(made.index)))
        assert not validating[seed] & set(made.part("train", seed).index["patient"])
    record = json.loads(paths.summary("demo", "acdc").read_text())
    assert (record["folds"], record["validation_patients"], record["unit"]) == (5, 5, "patient")
    assert "val" not in record


def test_an_official_split_stays_with_folds(project, stage, edit_params):
    prepare(stage, dataset="covid19")
    before = [stage("preprocess", "--study", "demo", "--dataset", "covid19"), paths.slices("demo", "covid19")[1].read_bytes()]
    edit_params(project, {"demo.split": "folds"})
    assert stage("preprocess", "--study", "demo", "--dataset", "covid19") is None
    assert before == [None, paths.slices("demo", "covid19")[1].read_bytes()]
    assert "folds" not in json.loads(paths.summary("demo", "covid19").read_text())


def test_the_same_slices_give_the_same_bytes(project, stage):
    prepare(stage)
    stage("preprocess", "--study", "demo", "--dataset", "acdc")
    first = [path.read_bytes() for path in paths.slices("demo", "acdc")]
    stage("preprocess", "--study", "demo", "--dataset", "acdc")
    assert [path.read_bytes() for path in paths.slices("demo", "acdc")] == first


@pytest.mark.parametrize(("dataset", "fault"), [("acdc", "NaN voxel"), ("acdc", "no mask"), ("covid19", "anti-aliased mask")])
def test_a_damaged_image_is_one_line_of_the_stage_and_leaves_nothing(project, stage, dataset, fault):
    """All the faults are in `test_damaged.py`; here is what the stage makes of one."""
    source, faults = damaged.KINDS[dataset]
    case = source.cases(prepare(stage, dataset=dataset))[damaged.NUMBER]
    faults[fault].damage(case)
    line = stage("preprocess", "--study", "demo", "--dataset", dataset)
    assert faults[fault].refused in line
    assert case.mask.name.split(".")[0].removesuffix("_gt") in line
    assert not list((project / "data/demo/slices").glob("*"))


def test_two_slices_of_one_name_are_refused_with_both_volumes():
    """A picture may be called as a slice of a volume is."""
    builder = preprocess.SliceBuilder(2)
    grey, mask = np.zeros((2, 16, 16), np.float32), np.zeros((2, 16, 16), np.uint8)
    for name, depth in (("p", 2), ("p_z01", 1)):
        case = Case(name, name, "", 1, None, Path(f"{name}.png"), Path(f"{name}_mask.png"))
        builder.add(case, Volume(grey[:depth], mask[:depth], None, "unknown"))
    with pytest.raises(CediceError, match="slice p_z01 is of two volumes, p and p_z01; rename one of them"):
        builder.split("patient", Acdc())


def test_load_refuses_files_that_do_not_belong_together(project, stage):
    prepare(stage)
    stage("preprocess", "--study", "demo", "--dataset", "acdc")
    arrays, index = paths.slices("demo", "acdc")
    pd.read_csv(index).iloc[:-1].to_csv(index, index=False)
    with pytest.raises(CediceError, match="do not match"):
        slices.load(arrays, index)
    arrays.write_bytes(arrays.read_bytes()[:1000])
    with pytest.raises(CediceError, match="not readable"):
        slices.load(arrays, index)


@pytest.mark.slow
@pytest.mark.parametrize(("dataset", "source"), [("acdc", Acdc()), ("covid19", Covid19())])
def test_the_real_archives(project, stage, monkeypatch, archives, dataset, source):
    monkeypatch.setenv("CEDICE_ARCHIVES", str(archives))
    root = prepare(stage, "small", dataset)
    assert stage("preprocess", "--study", "small", "--dataset", dataset) is None
    summary = json.loads(paths.summary("small", dataset).read_text())
    expected = {"acdc": (1902, 1516, 386, 61), "covid19": (98, 50, 48, 0)}[dataset]
    assert tuple(summary[key] for key in ("slices", "train", "val", "slices_without_foreground")) == expected
    # What is known of the data is held against the slices: with a volume's labels gone, the stage must stop.
    case = source.cases(root)[0]
    case.image.unlink()
    case.mask.unlink()
    assert "but the complete data set has" in stage("preprocess", "--study", "small", "--dataset", dataset)
