"""One heart has one volume, however its file is stored."""

from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pytest
import torch
from grey import cedice
from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform

from cedice.data.phantoms import cardiac
from cedice.data.reading import Scan
from cedice.errors import CediceError
from cedice.inference import model_file, released
from cedice.inference.orientation import turn

# As the released network expects it, mirrored, turned, and with the slices along another axis of the file.
CODES = ("LPS", "RAS", "LAS", "PLS", "ASR", "SLP", "PSR", "LPI")


@pytest.fixture(scope="module")
def heart(tmp_path_factory) -> nibabel.Nifti1Image:
    """A phantom's, lying LPS."""
    folder = tmp_path_factory.mktemp("heart")
    cardiac.write_patient(np.random.default_rng([0, 0, 3]), 3, 10, folder)
    image = nibabel.load(min(path for path in folder.rglob("*.nii.gz") if "_gt" not in path.name))
    x, y, z = image.header.get_zooms()
    affine = np.array([[-x, 0, 0, 90], [0, -y, 0, 100], [0, 0, z, -30], [0, 0, 0, 1]])
    return stored(np.asarray(image.dataobj), affine)


def stored(voxels: np.ndarray, affine: np.ndarray) -> nibabel.Nifti1Image:
    image = nibabel.Nifti1Image(voxels, affine)
    image.header.set_xyzt_units("mm")
    return image


def turned(image: nibabel.Nifti1Image, codes: str) -> nibabel.Nifti1Image:
    """The same in space, its file's axes pointing to ``codes``."""
    return image.as_reoriented(ornt_transform(io_orientation(image.affine), axcodes2ornt(codes)))


def test_one_heart_has_one_volume_in_every_orientation(tmp_path, heart, capsys):
    for codes in CODES:
        turned(heart, codes).to_filename(tmp_path / f"{codes}.nii.gz")
    cedice("predict", "acdc", *(tmp_path / f"{codes}.nii.gz" for codes in CODES), "-o", tmp_path / "out", "--device", "cpu")
    table = pd.read_csv(tmp_path / "out/volumes.csv").pivot(index="scan", columns="class", values="ml")
    assert table.loc["LPS"].min() > 1
    np.testing.assert_allclose(table.to_numpy(), np.tile(table.loc["LPS"].to_numpy(), (len(CODES), 1)), rtol=0.01)
    expected = np.asarray(nibabel.load(tmp_path / "out/LPS_labels.nii.gz").dataobj)
    for codes in CODES:
        labels = nibabel.load(tmp_path / f"out/{codes}_labels.nii.gz")
        np.testing.assert_array_equal(labels.affine, nibabel.load(tmp_path / f"{codes}.nii.gz").affine)
        assert (np.asarray(turned(labels, "LPS").dataobj) == expected).mean() > 0.9999
    warnings = capsys.readouterr().err
    assert "RAS.nii.gz: lies RAS: turned to LPS, which is assumed of this network" in warnings
    assert "LPS.nii.gz" not in warnings


def test_probabilities_are_turned_back_too(tmp_path, heart):
    turned(heart, "ASR").to_filename(tmp_path / "scan.nii.gz")
    cedice("predict", "acdc", tmp_path / "scan.nii.gz", "-o", tmp_path / "out", "--device", "cpu", "--probabilities")
    labels, likely = (nibabel.load(tmp_path / f"out/scan_{kind}.nii.gz") for kind in ("labels", "probabilities"))
    np.testing.assert_array_equal(likely.affine, labels.affine)
    np.testing.assert_array_equal(np.asarray(likely.dataobj).argmax(axis=3), np.asarray(labels.dataobj))


def test_headers_that_were_lost_are_labelled_as_stored(tmp_path, heart, capsys):
    """As the copy of ACDC that the network was trained on: an identity, without a unit."""
    nibabel.Nifti1Image(np.asarray(heart.dataobj), np.eye(4)).to_filename(tmp_path / "lost.nii.gz")
    heart.to_filename(tmp_path / "LPS.nii.gz")
    cedice("predict", "acdc", tmp_path / "lost.nii.gz", tmp_path / "LPS.nii.gz", "-o", tmp_path / "out", "--device", "cpu")
    lost, known = (nibabel.load(tmp_path / f"out/{name}_labels.nii.gz") for name in ("lost", "LPS"))
    np.testing.assert_array_equal(np.asarray(lost.dataobj), np.asarray(known.dataobj))
    assert "lost.nii.gz: the file does not say how it lies: labelled as stored, as if that were LPS" in capsys.readouterr().err


def scan(axes: str, spacing: tuple[float, float, float] | None, slices: int = 9) -> Scan:
    return Scan(Path("x.nii"), "x", np.zeros((slices, 8, 8)), 1.0, axes, "", spacing)


THIN, THICK = (1.0, 1.0, 1.0), (1.0, 1.0, 8.0)


@pytest.mark.parametrize(
    ("given", "axes", "expected"),
    [
        (scan("RAS", THICK), "LPS", "LPS"),
        (scan("PSR", THIN), "LPS", "LPS"),  # as fine along every axis, so it may be cut along any
        (scan("PSR", THICK), "LPS", "PIR"),  # sagittal slices stay whole, and stand upright
        (scan("LSA", THICK), "LPS", "LIA"),  # a short axis as scanners give it
        (scan("RSP", None), "LPS", "LPS"),
        (scan("RSA", None, slices=1), "LPS", "LIA"),
        (scan("", THICK), "LPS", ""),
        (scan("R?S", THICK), "LPS", ""),
        (scan("RAS", THICK), "", "RAS"),
    ],
)
def test_which_way_a_scan_is_turned(given, axes, expected):
    assert turn(given, axes, assumed=True).axes == expected


def test_what_is_known_needs_no_warning():
    assert turn(scan("RAS", THICK), "LPS", assumed=False).warning == ""
    assert turn(scan("LPS", THICK), "LPS", assumed=True).warning == ""
    assert "assumed" in turn(scan("RAS", THICK), "LPS", assumed=True).warning
    assert "follow each other from front to back (LSA)" in turn(scan("LSA", THICK), "LPS", assumed=True).warning


@pytest.mark.parametrize("given", [scan("LSA", THICK), scan("RSA", None, slices=1)])
def test_slices_that_cannot_be_cut_as_a_known_networks_are_refused(given):
    with pytest.raises(CediceError, match=r"x\.nii: its slices follow each other from front to back .* feet to head \(LPS\)"):
        turn(given, "LPS", assumed=False)


@pytest.mark.parametrize(("name", "axes"), [("acdc", "LPS"), ("covid19", "PLS")])
def test_the_released_state_their_assumption(name, axes):
    model = model_file.load(released.find(name), torch.device("cpu"))
    assert (model.axes, model.axes_assumed) == (axes, True)
    card = released.find(name).with_suffix(".md").read_text(encoding="utf-8")
    assert f"{axes}: a slice's left to right" in card
    assert "An assumption" in card
