"""Published data sets beside the paper's: small files in their exact layout, through `download` and `preprocess`."""

import shutil
from contextlib import nullcontext
from pathlib import Path

import nibabel
import numpy as np
import pytest
from conftest import ROOT

from cedice import described, params, paths
from cedice.data import nifti, registry, slices
from cedice.data.archives import obtain
from cedice.data.cases import Case, Volume
from cedice.data.phantoms import generate
from cedice.data.sources import acdc
from cedice.data.sources.acdc import Acdc
from cedice.data.sources.hippocampus import Hippocampus
from cedice.errors import CediceError


def write(path: Path, voxels: np.ndarray, affine: np.ndarray | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.Nifti1Image(voxels, np.eye(4) if affine is None else affine).to_filename(path)


@pytest.fixture
def given(project, monkeypatch) -> Path:
    folder = project / "given"
    folder.mkdir()
    monkeypatch.setenv("CEDICE_ARCHIVES", str(folder))
    return folder


@pytest.fixture
def made(project, stage, edit_params):
    """made("acdc-test"): its slices, by the stages, as study `own`; or the line that a stage says."""

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
        labels[2:4, 3:6, (number + 1) % 3] = 2 - number % 2
        write(top / f"imagesTr/hippocampus_{number:03d}.nii.gz", (labels > 0).astype(np.float32) * 1000 * number)
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
