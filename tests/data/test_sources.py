"""Published data sets beside the paper's: small files in their exact layout, through `download` and `preprocess`."""

import json
import shutil
import zipfile
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
from conftest import ROOT

from cedice import described, params, paths
from cedice.data import nifti, preprocess, registry, slices
from cedice.data.archives import obtain
from cedice.data.cases import Case, Volume
from cedice.data.phantoms import generate
from cedice.data.sources import acdc
from cedice.data.sources.acdc import Acdc
from cedice.data.sources.covid_ct_seg import CovidCtSeg
from cedice.data.sources.hippocampus import Hippocampus
from cedice.data.sources.medseg_slices import MedsegSlices
from cedice.data.sources.medseg_volumes import MedsegVolumes
from cedice.errors import CediceError

SIZE = 24
AIR, LUNG, WATER = -1000, -700, 0  # HU
CT_NAMES = [f"coronacases_{number:03d}" for number in range(1, 11)] + [
    f"radiopaedia_{name}"
    for name in (
        *("4_85506_1", "7_85703_0", "10_85902_1", "10_85902_3", "14_85914_0"),
        *("27_86410_0", "29_86490_1", "29_86491_1", "36_86526_0", "40_86625_0"),
    )
]


def write(path: Path, voxels: np.ndarray, affine: np.ndarray | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.Nifti1Image(voxels, np.eye(4) if affine is None else affine).to_filename(path)


def chest(depth: int) -> tuple[np.ndarray, np.ndarray]:
    """HU (x, y, z) int16 and labels 0 background, 1 left lung, 2 right lung, 3 infection."""
    labels = np.zeros((SIZE, SIZE, depth), np.uint8)
    labels[3:10, 4:20], labels[14:21, 4:20], labels[15:18, 6:9] = 1, 2, 3
    return np.array([WATER, LUNG, LUNG, -200], np.int16)[labels] + np.int16(0), labels


def windowed(hounsfield: np.ndarray) -> np.ndarray:
    return np.clip((hounsfield + 1250) * (255 / 1500), 0, 255).round().astype(np.uint8)


def pack(folder: Path, archive: Path, top: str = "") -> None:
    with zipfile.ZipFile(archive, "w") as opened:
        for path in sorted(folder.glob("*.nii.gz")):
            opened.write(path, f"{top}{path.name}")
    shutil.rmtree(folder)


@pytest.fixture
def given(project, monkeypatch) -> Path:
    folder = project / "given"
    folder.mkdir()
    monkeypatch.setenv("CEDICE_ARCHIVES", str(folder))
    return folder


@pytest.fixture
def made(project, stage, edit_params):
    """made("covid-ct-lung"): its slices, by the stages, as study `own`; or the line that a stage says."""

    def run(name: str) -> slices.Slices | str:
        edit_params(project, {"own.epochs": {name: 1}})
        for step in ("download", "preprocess"):
            if line := stage(step, "--study", "own", "--dataset", name):
                return line
        return slices.load(*paths.slices("own", name))

    return run


def test_all_that_are_known_can_be_named():
    assert tuple(registry.PUBLISHED) == described.PUBLISHED
    given = params.load(ROOT / "params.yaml").datasets
    assert set(described.PUBLISHED) <= set(given)
    for source in registry.PUBLISHED.values():
        assert source.classes[0] == "background"
        assert source.name and source.citation and source.licence and source.split and source.limits and source.advice
        assert all(part.url.startswith("https://") for part in source.parts)


def chests(given: Path, monkeypatch, top: str = "") -> None:
    for number, name in enumerate(CT_NAMES):
        image, labels = chest(3 + number % 2)
        write(given / "images" / f"{name}.nii.gz", image if name.startswith("corona") else windowed(image))
        write(given / "masks" / f"{name}.nii.gz", labels)
    pack(given / "images", given / "COVID-19-CT-Seg_20cases.zip", top)
    pack(given / "masks", given / "Lung_and_Infection_Mask.zip", top)
    monkeypatch.setattr(CovidCtSeg, "parts", tuple(replace(part, sha256=None) for part in CovidCtSeg.parts))


@pytest.mark.parametrize(
    ("name", "classes"),
    [
        ("covid-ct-infection", {0: 0, 1: 0, 2: 0, 3: 1}),
        ("covid-ct-lung", {0: 0, 1: 1, 2: 1, 3: 1}),
        ("covid-ct-both", {0: 0, 1: 1, 2: 1, 3: 2}),
    ],
)
def test_covid_ct_seg(given, monkeypatch, made, name, classes):
    chests(given, monkeypatch)
    found = made(name)
    assert found.index["volume"].nunique() == 20
    assert len(found.index) == sum(3 + number % 2 for number in range(20))
    _, labels = chest(3)
    expected = preprocess.resize_mask(np.vectorize(classes.get)(labels[:, :, 0]).astype(np.uint8).T)
    assert all(np.array_equal(mask, expected) for mask in found.masks)
    # What is in Hounsfield units and what was windowed before come out alike, and neither is windowed twice.
    for image in found.images[1:]:
        assert np.abs(image.astype(int) - found.images[0]).max() <= 1
    assert found.images[0].max() == round(1250 * 255 / 1500)
    index = found.index.drop_duplicates("volume").set_index("volume")
    patients = index["patient"]
    assert patients["radiopaedia_10_85902_1"] == patients["radiopaedia_10_85902_3"]
    assert patients.nunique() == 18
    assert index.groupby("patient")["split"].nunique().max() == 1
    assert (index.drop_duplicates("patient")["split"] == "val").sum() == 3


def test_covid_ct_seg_in_folders_and_in_archives_with_a_folder(given, monkeypatch, made):
    chests(given, monkeypatch, top="some folder/")
    first = made("covid-ct-lung")
    for name in ("COVID-19-CT-Seg_20cases", "Lung_and_Infection_Mask"):
        with zipfile.ZipFile(given / f"{name}.zip") as opened:
            opened.extractall(given / name)
        (given / f"{name}.zip").unlink()
    again = made("covid-ct-lung")
    np.testing.assert_array_equal(first.images, again.images)
    source = json.loads(paths.source("own", "covid-ct-lung").read_text())
    assert source["archive"] == ["COVID-19-CT-Seg_20cases", "Lung_and_Infection_Mask"]
    assert source["volumes"] == 20


def test_covid_ct_seg_is_held_against_the_published_hashes(given, monkeypatch, made):
    published = CovidCtSeg.parts
    chests(given, monkeypatch)
    monkeypatch.setattr(CovidCtSeg, "parts", published)
    line = made("covid-ct-lung")
    assert "not the published COVID-19-CT-Seg_20cases.zip (its SHA-256 differs)" in line


def test_covid_ct_seg_with_a_mask_too_few(given, monkeypatch, made):
    chests(given, monkeypatch)
    with zipfile.ZipFile(given / "Lung_and_Infection_Mask.zip") as old, zipfile.ZipFile(given / "new.zip", "w") as new:
        for item in old.infolist()[1:]:
            new.writestr(item, old.read(item))
    (given / "new.zip").replace(given / "Lung_and_Infection_Mask.zip")
    assert "images/coronacases_001.nii.gz has no mask" in made("covid-ct-lung")


def medseg(given: Path, planes: int = 100) -> np.ndarray:
    hounsfield, labels = chest(planes)
    image = hounsfield.astype(np.float32) + np.arange(planes)  # so that every slice is another
    image[:, :, 0] += 1000  # without air: alone it would be taken for one that was windowed before
    write(given / "tr_im.nii.gz", image, np.diag([2, 2, 5, 1]))
    write(given / "tr_mask.nii.gz", labels.astype(np.float32))
    return labels


def test_medseg_slices(given, made):
    labels = medseg(given)
    found = made("medseg-slices")
    assert found.index["slice"].to_list() == [f"slice{number:03d}" for number in range(100)]
    assert (found.index["patient"] == found.index["slice"]).all()
    assert (found.index["split"] == "val").sum() == 20
    for mask in found.masks:
        np.testing.assert_array_equal(mask, preprocess.resize_mask(labels[:, :, 0].T.copy()))
    assert found.images[0].max() == 255  # 1000 HU, beyond the window
    assert found.images[50].max() == round(1300 * 255 / 1500)
    assert json.loads(paths.slices_record("own", "medseg-slices").read_text())["classes"].keys() == set(MedsegSlices.classes)


def test_medseg_slices_that_are_too_few_or_missing(given, made):
    medseg(given, 99)
    assert "99 slices, but there are 100" in made("medseg-slices")


@pytest.mark.parametrize("top", ["", "rp_im/"])
def test_medseg_volumes_validate_what_the_slices_train(given, made, top):
    medseg(given)
    image, labels = chest(4)
    for number in range(1, 10):
        write(given / "images" / f"{number}.nii.gz", image)
        write(given / "masks" / f"{number}.nii.gz", labels)
    pack(given / "images", given / "rp_im.zip", top)
    pack(given / "masks", given / "rp_msk.zip", top.replace("im", "msk"))
    found = made("medseg-volumes")
    assert found.index["split"].to_list() == ["train"] * 100 + ["val"] * 36
    assert found.index["patient"][found.index["split"] == "val"].nunique() == 9
    expected = preprocess.resize_mask(np.isin(labels[:, :, 0], (1, 2)).astype(np.uint8).T.copy())
    assert all(np.array_equal(mask, expected) for mask in found.masks)
    assert tuple(json.loads(paths.slices_record("own", "medseg-volumes").read_text())["classes"]) == MedsegVolumes.classes


@pytest.fixture
def official(given, monkeypatch) -> Path:
    """ACDC's archive as a folder, with the 50 test patients; phantoms are not the published data."""
    monkeypatch.setattr(Acdc, "verify", lambda self, root: None)
    training, testing = (given / "acdc/ACDC/database" / name for name in ("training", "testing"))
    generate.obtain("acdc", 5, 0, given / "made")
    (given / "made/database/training").rename(training.parent.mkdir(parents=True) or training)
    template = training / "patient003"
    for number in range(101, 151):
        folder = testing / f"patient{number}"
        folder.mkdir(parents=True)
        for path in template.iterdir():
            (folder / path.name.replace("patient003", folder.name)).symlink_to(path)
    return testing


def test_hippocampus_in_its_official_layout(given, made, monkeypatch):
    monkeypatch.setattr(Hippocampus, "verify", lambda self, root: None)
    monkeypatch.setattr(Hippocampus, "facts", None)
    top = given / "Task04_Hippocampus"
    for number in (1, 3, 4, 6, 7, 2):  # 2 is in no published list
        labels = np.zeros((6, 8, 3), np.uint8)
        labels[2:4, 3:6, number % 3] = 1 + number % 2
        write(top / f"imagesTr/hippocampus_{number:03d}.nii.gz", labels.astype(np.float32) * 1000 * number)
        write(top / f"labelsTr/hippocampus_{number:03d}.nii.gz", labels)
    write(top / "imagesTs/hippocampus_002.nii.gz", np.ones((4, 4, 4), np.uint8))
    found = made("hippocampus")
    patients = [f"hippocampus_{number:03d}" for number in (1, 3, 4, 6, 7)]
    assert list(found.index["patient"].unique()) == patients
    assert set(found.index["patient"][found.index["split"] == "val"]) == {patients[4]}
    assert {(image.max(), label) for image, label in zip(found.images, found.masks.max(axis=(1, 2)), strict=True) if label} == {
        (255, 1),
        (255, 2),
    }


def test_the_real_hippocampus_is_the_published_one(archives, tmp_path, monkeypatch):
    monkeypatch.setenv("CEDICE_ARCHIVES", str(archives))
    source = registry.PUBLISHED["hippocampus"]
    obtained = obtain(source, tmp_path / "raw")
    assert (obtained["volumes"], obtained["files"]) == (260, 520)
    case = source.cases(tmp_path / "raw")[7]
    voxels = np.asarray(nibabel.load(case.mask).dataobj).copy()
    voxels[0, 0, 0] = 1
    write(case.mask, voxels)
    with pytest.raises(CediceError, match=f"{case.image.name} is not the published one"):
        source.verify(tmp_path / "raw")


def test_acdc_headers_that_state_another_voxel_size_are_refused(tmp_path):
    write(tmp_path / "gt.nii.gz", np.zeros((4, 4, 2), np.uint8))
    case = Case("v", "patient002", "", 2, None, tmp_path / "gt.nii.gz", tmp_path / "gt.nii.gz")
    acdc.check_size(case)  # it says nothing
    lost = Volume(np.zeros((2, 4, 4)), np.zeros((2, 4, 4)), (1, 1, 1), "unknown")
    assert Acdc().sized(case, lost).spacing == (10, 1.3671875, 1.3671875)
    for inplane, refused in ((1.3671875, False), (1.4, True)):
        nifti.write(tmp_path / "gt.nii.gz", np.zeros((4, 4, 2), np.uint8), (inplane, inplane, 10))
        with pytest.raises(CediceError, match=r"the official ones are 10 × 1\.367") if refused else nullcontext():
            acdc.check_size(case)


def test_acdc_with_its_test_patients(official, made):
    found = made("acdc-test")
    patients = found.index.groupby("split", sort=False)["patient"].unique()
    assert list(patients["train"]) == [f"patient{number:03d}" for number in range(1, 6)]
    assert list(patients["val"]) == [f"patient{number}" for number in range(101, 151)]
    assert found.index["volume"].nunique() == 110
    assert set(np.unique(found.masks)) == {0, 1, 2, 3}


def test_acdc_without_one_of_its_test_patients(official, made):
    shutil.rmtree(official / "patient117")
    assert "0 labelled frames of patient117, not 2; get the archive with the test patients" in made("acdc-test")
