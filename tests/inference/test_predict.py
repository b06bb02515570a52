"""From a scan to a label map on the scan's own grid, as the command does it."""

import gzip
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pytest
import torch
from grey import NETWORK, by_grey, cedice, write_model
from PIL import Image

from cedice.data.intensity import Intensity
from cedice.data.reading import Scan
from cedice.errors import CediceError
from cedice.inference import label, model_file
from cedice.inference.model_file import Model
from cedice.training import forward
from cedice.training.forward import Tensors, infer
from cedice.unet import UNet


def volume(path: Path, voxels: np.ndarray, affine: np.ndarray, unit: str = "mm") -> Path:
    image = nibabel.Nifti1Image(voxels, affine)
    image.header.set_xyzt_units(unit)
    image.set_sform(affine, 2)
    image.set_qform(affine, 1)
    image.header["descrip"] = b"a scanner's words"
    image.to_filename(path)
    return path


def blocks(shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """(voxels in Hounsfield units, their classes): quarters along the first axis, and another order in each slice."""
    labels = (np.arange(shape[0])[:, None, None] * 4 // shape[0] + np.arange(shape[2])[None, None, :]) % 3
    labels = np.broadcast_to(labels, shape)
    return np.array([-900, 0, 900], np.int16)[labels], labels.astype(np.uint8)


@pytest.fixture
def model(tmp_path) -> Path:
    return write_model(tmp_path / "grey.safetensors")


# Left-handed, turned, and oblique: what is written must lie where the scan lies, and keep what its header says.
AFFINES = {
    "plain": np.diag([2.0, 3.0, 5.0, 1.0]),
    "turned": np.array([[0, -2.0, 0, 10], [-3.0, 0, 0, 20], [0, 0, 5.0, -30], [0, 0, 0, 1]]),
    "oblique": np.array([[1.9, -0.6, 0, 1], [0.4, 2.9, 0, 2], [0, 0, 5.0, 3], [0, 0, 0, 1]]),
}


@pytest.mark.parametrize("name", AFFINES)
@pytest.mark.parametrize("shape", [(32, 32, 5), (64, 48, 11), (128, 128, 3), (24, 20, 2)])
def test_a_volume_is_labelled_on_its_own_grid(tmp_path, model, name, shape):
    voxels, labels = blocks(shape)
    scan = volume(tmp_path / "scan.nii.gz", voxels, AFFINES[name])
    cedice("predict", model, scan, "-o", tmp_path / "out", "--device", "cpu")
    written, original = nibabel.load(tmp_path / "out/scan_labels.nii.gz"), nibabel.load(scan)
    found = np.asarray(written.dataobj)
    assert found.shape == shape
    assert written.get_data_dtype() == np.uint8
    np.testing.assert_array_equal(written.affine, original.affine)
    for field in ("pixdim", "qform_code", "sform_code", "quatern_b", "srow_x", "xyzt_units"):
        np.testing.assert_array_equal(written.header[field], original.header[field], field)
    # Only pixels at a border, where the resized grey value lies between two classes', may be told otherwise.
    inside = np.ones(shape, bool)
    for border in np.flatnonzero(np.diff(labels[:, 0, 0].astype(int))):
        reach = -(-shape[0] // 32)
        inside[max(border - reach, 0) : border + reach + 2] = False
    assert inside.mean() > 0.35
    np.testing.assert_array_equal(found[inside], labels[inside])
    table = pd.read_csv(tmp_path / "out/volumes.csv")
    millilitres = abs(np.linalg.det(AFFINES[name][:3, :3])) / 1000
    for row in table.itertuples():
        label = ("background", "grey", "white").index(row[2])
        assert row.voxels == (found == label).sum()
        assert row.ml == pytest.approx(row.voxels * millilitres, rel=1e-4)
    assert Image.open(tmp_path / "out/scan_preview.png").width > 100


@pytest.mark.parametrize("mirror", [(), ("horizontal",)])
def test_a_slice_of_the_trained_size_is_labelled_as_evaluation_does(tmp_path, mirror):
    """No resizing, half precision aside: the labels are those of `cedice.training.forward.predict`."""
    network = UNet(**NETWORK).eval()
    images = np.random.default_rng(0).integers(0, 256, (9, 32, 32), dtype=np.uint8)
    model = Model(network, ("a", "b", "c"), Intensity("window", -1250, 250), 32, {}, mirror=mirror)
    scan = Scan(tmp_path / "x.nii", "x", images, None)
    labels, probabilities = label.label(model, scan, "", "float32", keep=True)
    tensors = Tensors.of(images, images, torch.device("cpu"))
    expected = torch.cat([forward.predict(logits) for logits, _ in infer(network, tensors, "float32", mirror=mirror)])
    np.testing.assert_array_equal(labels, expected)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(probabilities.argmax(axis=1), labels)


def test_pictures_and_folders(tmp_path, model):
    """An 8-bit picture is taken as windowed; results are masks that any viewer shows, labels as pixel values."""
    folder = tmp_path / "scans"
    folder.mkdir()
    pixels = np.repeat(np.array([10, 120, 250], np.uint8), 32)[:, None].repeat(96, axis=1)
    Image.fromarray(pixels).save(folder / "b.png")
    Image.fromarray(pixels.T).save(folder / "a.tif")
    (folder / "notes.txt").write_text("no scan")
    cedice("predict", model, folder, "-o", tmp_path / "out", "--device", "cpu", "--probabilities")
    for name, turned in (("a", True), ("b", False)):
        picture = Image.open(tmp_path / f"out/{name}_labels.png")
        assert picture.mode == "P"
        labels = np.asarray(picture).T if turned else np.asarray(picture)
        np.testing.assert_array_equal(labels[[5, 16, 48, 80], 0], [0, 0, 1, 2])
        with np.load(tmp_path / f"out/{name}_probabilities.npz") as stored:
            assert stored["probabilities"].shape == (3, 96, 96)
    table = pd.read_csv(tmp_path / "out/volumes.csv")
    assert table["scan"].to_list() == ["a", "a", "b", "b"]
    assert table["ml"].isna().all()


@pytest.mark.parametrize("stored", ["as the model's", "turned", "thick axis first"])
def test_a_grid_in_mm_sees_a_field_about_the_centre_and_the_rest_is_background(tmp_path, stored):
    """A bright box of 40 × 20 mm and a bright corner, in voxels of 1 × 2 mm; the field is 32 pixels of 2 mm."""
    model = write_model(tmp_path / "mm.safetensors", "RAS", 2.0)
    voxels = np.full((100, 40, 2), -1000, np.int16)
    voxels[30:70, 15:25] = voxels[:10, :5] = 900
    affine, expected = np.diag([1.0, 2.0, 5.0, 1.0]), np.zeros(voxels.shape, np.uint8)
    expected[30:70, 15:25] = 2
    if stored == "turned":  # the file's first axis goes to the front, its second to the left
        voxels, expected = (np.ascontiguousarray(each.swapaxes(0, 1)[::-1]) for each in (voxels, expected))
        affine = np.array([[0, 1.0, 0, 0], [-2.0, 0, 0, 78], [0, 0, 5.0, 0], [0, 0, 0, 1]])
    if stored == "thick axis first":
        voxels, expected, affine = voxels.transpose(2, 0, 1), expected.transpose(2, 0, 1), affine[:, [2, 0, 1, 3]]
    scan = volume(tmp_path / "scan.nii.gz", voxels, affine)
    cedice("predict", model, scan, "-o", tmp_path / "out", "--device", "cpu")
    found = np.asarray(nibabel.load(tmp_path / "out/scan_labels.nii.gz").dataobj)
    assert ((found == 2) != (expected == 2)).sum() <= 2 * 2 * (40 + 10)  # at most one voxel along the box's border
    corner = (voxels > 0) & (expected == 0)
    assert corner.sum() == 10 * 5 * 2
    assert not found[corner].any()
    lost = volume(tmp_path / "lost.nii.gz", voxels, affine, "unknown")
    with pytest.raises(CediceError, match=r"lost\.nii\.gz: its header does not say how many mm a pixel has"):
        cedice("predict", model, lost, "-o", tmp_path / "lost", "--device", "cpu")


def test_the_same_scan_gives_the_same_bytes(tmp_path, model):
    scan = volume(tmp_path / "scan.nii.gz", blocks((40, 40, 3))[0], AFFINES["oblique"])
    for folder in ("one", "two"):
        cedice("predict", model, scan, "-o", tmp_path / folder, "--device", "cpu", "--probabilities")
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert names.pop(0) == ".cedice-lock"
    assert names == [
        "cedice-written.csv",
        "scan_labels.nii.gz",
        "scan_preview.png",
        "scan_probabilities.nii.gz",
        "volumes.csv",
    ]
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name
    probabilities = nibabel.load(tmp_path / "one/scan_probabilities.nii.gz")
    assert probabilities.shape == (40, 40, 3, 3)
    labels = np.asarray(nibabel.load(tmp_path / "one/scan_labels.nii.gz").dataobj)
    np.testing.assert_array_equal(np.asarray(probabilities.dataobj).argmax(axis=3), labels)


def test_a_windowed_volume_is_not_windowed_twice():
    rule = Intensity("window", -1250, 250)
    windowed = np.array([[0, 100, 255]], np.int16)
    np.testing.assert_array_equal(rule.scale(windowed, ""), windowed)
    np.testing.assert_allclose(rule.scale(np.array([[-2000, -1250, -500, 250, 900]]), ""), [[0, 0, 127.5, 255, 255]])


def test_a_scan_of_another_depth_than_the_networks_is_an_error_and_the_others_are_labelled(tmp_path, capsys):
    """A network of 8-bit images: the same picture in 8 bits, in 12, in 16, and as a volume."""
    model = Model(by_grey(3), ("background", "grey", "white"), Intensity("window", 0, 255), 32, {})
    model_file.save(tmp_path / "eight.safetensors", model, NETWORK)
    grey = np.repeat(np.repeat(np.array([[40, 128], [230, 40]]), 16, axis=0), 16, axis=1)
    (tmp_path / "scans").mkdir()
    for name, pixels in (
        ("a8", grey.astype(np.uint8)),
        ("b12", (grey * 16).astype(np.uint16)),
        ("c16", (grey * 257).astype(np.uint16)),
    ):
        Image.fromarray(pixels).save(tmp_path / f"scans/{name}.png")
    volume(tmp_path / "scans/d12.nii", (grey * 16).astype(np.int16)[:, :, None], np.eye(4))
    with pytest.raises(CediceError, match="3 of 4 scans could not be labelled; the others are in"):
        cedice("predict", tmp_path / "eight.safetensors", tmp_path / "scans", "-o", tmp_path / "out", "--device", "cpu")
    told = capsys.readouterr().err
    assert "b12.png: its numbers lie between 640 and 3680, but the window 0 to 255 is of 8-bit grey; " in told
    assert "between 1.028e+04 and 5.911e+04" in told
    assert sorted(path.name for path in (tmp_path / "out").glob("*_labels.*")) == ["a8_labels.png"]
    with Image.open(tmp_path / "out/a8_labels.png") as labels:
        np.testing.assert_array_equal(np.asarray(labels)[::16, ::16][:2, :2], [[0, 1], [2, 0]])


WRONG = {
    "no model": (lambda folder, model: ("nowhere", folder / "scan.nii"), "no model nowhere"),
    "no scan": (lambda folder, model: (model, folder / "other.nii"), "no such file"),
    "another kind of file": (lambda folder, model: (model, model), "no scan that can be read"),
    "an empty folder": (lambda folder, model: (model, folder / "empty"), "no scan in this folder"),
    "two of one name": (
        lambda folder, model: (model, folder / "scan.nii", folder / "scan.png"),
        "of both would be named scan_",
    ),
    "a damaged volume": (lambda folder, model: (model, folder / "cut.nii.gz"), "cut.nii.gz"),
    "an image in colour": (lambda folder, model: (model, folder / "scan.png"), "in colour"),
    "a damaged model": (lambda folder, model: (folder / "bad.safetensors", folder / "scan.nii"), "not a readable model"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_predicted_is_one_line_and_leaves_nothing(tmp_path, model, name):
    volume(tmp_path / "scan.nii", blocks((8, 8, 2))[0], np.eye(4))
    Image.new("RGB", (20, 20), "red").save(tmp_path / "scan.png")
    (tmp_path / "empty").mkdir()
    (tmp_path / "cut.nii.gz").write_bytes(gzip.compress((tmp_path / "scan.nii").read_bytes())[:-20])
    changed = bytearray(model.read_bytes())
    changed[-20] ^= 1
    (tmp_path / "bad.safetensors").write_bytes(changed)
    arguments, line = WRONG[name]
    with pytest.raises(CediceError, match=line):
        cedice("predict", *arguments(tmp_path, model), "-o", tmp_path / "out", "--device", "cpu")
    assert not list((tmp_path / "out").glob("*"))
