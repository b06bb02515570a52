"""Where a NIfTI header says that its voxels lie: their size, their axes, and a mask beside its image."""

from itertools import permutations, product
from pathlib import Path

import nibabel
import numpy as np
import pytest

from cedice.data import nifti, reading
from cedice.data.cases import Case
from cedice.data.intensity import Intensity
from cedice.errors import CediceError

MR = Intensity("percentiles", 0, 100)
VOXELS = np.random.default_rng(0).integers(0, 900, (7, 6, 5)).astype(np.int16)
ACDC = np.diag([-1.3158, -1.3158, 10, 1])
CODES = ["".join(code) for order in permutations(("LR", "PA", "IS")) for code in product(*order)]


def put(path: Path, voxels=VOXELS, sform=None, qform=None, zooms=None, unit="mm") -> Path:
    image = nibabel.Nifti1Image(voxels, None)
    if qform is not None:
        image.set_qform(qform, 1)
    if sform is not None:
        image.set_sform(sform, 2)
    if zooms is not None:
        image.header["pixdim"][1 : 1 + len(zooms)] = zooms
    image.header.set_xyzt_units(unit)
    image.to_filename(path)
    return path


SHEARED = np.array([[1, 0, 0, 0], [0, 1, 0.5, 0], [0, 0, 3, 0], [0, 0, 0, 1.0]])
IDENTITY = np.eye(4)
# (sform, qform, pixdim, unit) → spacing, unit, axes, what the warning says
HEADERS = {
    "both forms agree": ((ACDC, ACDC, None, "mm"), (1.3158, 1.3158, 10), "mm", "LPS", ""),
    "sform alone": ((ACDC, None, (1.3158, 1.3158, 10), "mm"), (1.3158, 1.3158, 10), "mm", "LPS", ""),
    "qform alone, in metres": ((None, ACDC, None, "meter"), (1.3158, 1.3158, 10), "meter", "LPS", ""),
    "as the official ACDC": ((np.diag([-1, -1, 1, 1]), ACDC, None, "mm"), (1.3158, 1.3158, 10), "mm", "LPS", "the latter"),
    "as ACDC, sform an identity": ((IDENTITY, ACDC, None, "mm"), (1.3158, 1.3158, 10), "mm", "LPS", "the latter are taken"),
    "two sizes, no qform": (
        (IDENTITY, None, (0.5, 0.5, 2), "mm"),
        None,
        "unknown",
        "RAS",
        "pixdim 0.5 × 0.5 × 2: the voxel size",
    ),
    "pixdim never set": ((ACDC, None, None, "mm"), None, "unknown", "LPS", "counts as unknown"),
    "as the copy of ACDC": ((IDENTITY, None, None, "unknown"), (1, 1, 1), "unknown", "", ""),
    "an identity in mm": ((IDENTITY, None, None, "mm"), (1, 1, 1), "mm", "RAS", ""),
    "no orientation": ((None, None, (0.5, 0.5, 2), "mm"), (0.5, 0.5, 2), "mm", "", ""),
    "forms that are mirrored": (
        (ACDC, np.diag([1.3158, -1.3158, 10, 1]), None, "mm"),
        (1.3158, 1.3158, 10),
        "mm",
        "LPS",
        "RPS",
    ),
    "sheared": ((SHEARED, None, (1, 1, np.hypot(3, 0.5)), "mm"), None, "unknown", "RAS", "not at right angles"),
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_gives_one_voxel_size_and_one_orientation(tmp_path, name):
    (sform, qform, zooms, unit), spacing, known_unit, axes, warning = HEADERS[name]
    path = put(tmp_path / "a.nii.gz", sform=sform, qform=qform, zooms=zooms, unit=unit)
    read = nifti.read(path)
    assert read.spacing == (None if spacing is None else pytest.approx(spacing, rel=1e-6))
    assert (read.unit, read.axes) == (known_unit, axes)
    assert warning in read.warning
    assert bool(warning) == bool(read.warning)
    scan = reading.scan(path)
    assert (scan.axes, scan.warning) == (axes, read.warning)
    cubic = {"mm": 1e-3, "meter": 1e6}.get(known_unit)
    assert scan.voxel_ml == (pytest.approx(np.prod(spacing) * cubic, rel=1e-6) if spacing and cubic else None)
    mask = put(tmp_path / "m.nii.gz", (VOXELS > 500).astype(np.uint8), sform, qform, zooms, unit)
    volume = reading.volume(Case("v", "p", "", 1, None, path, mask), MR, ((0,), (1,)))
    assert volume.spacing == (None if read.spacing is None else read.spacing[::-1])
    assert (volume.unit, volume.axes, volume.warning) == (known_unit, axes, read.warning)
    np.testing.assert_array_equal(volume.mask, (VOXELS > 500).T)


def test_a_number_that_stands_for_no_unit_is_an_unknown_unit(tmp_path):
    content = bytearray(put(tmp_path / "a.nii", sform=ACDC, qform=ACDC).read_bytes())
    content[123] = 6  # xyzt_units
    (tmp_path / "a.nii").write_bytes(content)
    assert nifti.read(tmp_path / "a.nii").unit == "unknown"


def test_a_thousand_voxels_of_the_official_acdc_are_17_ml(tmp_path):
    path = put(tmp_path / "a.nii.gz", sform=np.diag([-1, -1, 1, 1]), qform=ACDC)
    assert 1000 * reading.scan(path).voxel_ml == pytest.approx(17.3, abs=0.05)


def test_a_single_slice_has_its_thickness_from_the_affine(tmp_path):
    path = tmp_path / "a.nii"
    nibabel.Nifti1Image(VOXELS[:, :, 0], np.diag([0.5, 0.5, 2, 1])).to_filename(path)
    assert nifti.read(path).spacing == (0.5, 0.5, 2.0)


@pytest.mark.parametrize("codes", CODES)
def test_every_orientation_is_turned_to_another_and_back(tmp_path, codes):
    """Against nibabel's own turning of whole images."""
    canonical = nibabel.Nifti1Image(VOXELS, np.diag([2, 3, 4, 1.0]))
    turned = canonical.as_reoriented(
        nibabel.orientations.ornt_transform(nibabel.orientations.axcodes2ornt("RAS"), nibabel.orientations.axcodes2ornt(codes))
    )
    turned.header.set_xyzt_units("mm")
    turned.to_filename(tmp_path / "a.nii.gz")
    read = nifti.read(tmp_path / "a.nii.gz")
    assert read.axes == codes
    assert np.prod(read.spacing) == 24
    np.testing.assert_array_equal(nifti.turn(read.voxels, read.axes, "RAS"), VOXELS)
    np.testing.assert_array_equal(nifti.turn(VOXELS, "RAS", read.axes), read.voxels)
    channels = np.stack([VOXELS, -VOXELS], axis=-1)
    np.testing.assert_array_equal(nifti.turn(channels, "RAS", read.axes)[..., 1], -read.voxels)
    assert nifti.turn(read.voxels, "", "RAS") is read.voxels
    # A mask in any orientation comes to lie on its image.
    put(tmp_path / "i.nii.gz", VOXELS, np.diag([2, 3, 4, 1.0]), zooms=(2, 3, 4))
    image = nifti.read(tmp_path / "i.nii.gz")
    np.testing.assert_array_equal(nifti.onto(read, image, tmp_path), VOXELS)


def test_the_same_oblique_grid_a_millionth_apart_needs_no_turn(tmp_path):
    def grid(angle: float) -> np.ndarray:
        c, s = np.cos(angle), np.sin(angle)
        return np.array([[c, -s, 0, -10], [s, c, 0, -20], [0, 0, 1, 5], [0, 0, 0, 1]]) @ np.diag([1.5, 1.5, 8, 1])

    square = np.arange(7 * 7 * 3, dtype=np.int16).reshape(7, 7, 3)
    for tilt in (-5e-6, -1e-6, 0, 1e-6, 5e-6):
        image = nifti.read(put(tmp_path / "i.nii", square, sform=grid(np.pi / 4 + tilt), zooms=(1.5, 1.5, 8)))
        mask = nifti.read(put(tmp_path / "m.nii", square, qform=grid(np.pi / 4)))
        np.testing.assert_array_equal(nifti.onto(mask, image, tmp_path), square)
        assert (mask.axes, image.axes) == ("", "")  # halfway: a millionth must not decide how a scan is turned
        turned = put(tmp_path / "t.nii", square.transpose(1, 0, 2), qform=grid(np.pi / 4) @ np.eye(4)[[1, 0, 2, 3]])
        np.testing.assert_array_equal(nifti.onto(nifti.read(turned), image, tmp_path), square)


def test_a_mask_written_with_the_images_sform_belongs_to_the_image(tmp_path):
    """As nibabel writes it from `image.affine`: of an official ACDC image that is the identity, not the qform that is taken."""
    image = nifti.read(put(tmp_path / "i.nii", sform=np.diag([-1, -1, 1, 1]), qform=ACDC))
    nibabel.Nifti1Image(VOXELS, nibabel.load(tmp_path / "i.nii").affine).to_filename(tmp_path / "m.nii")
    np.testing.assert_array_equal(nifti.onto(nifti.read(tmp_path / "m.nii"), image, tmp_path), VOXELS)


FAR = np.array([[-1.5, 0, 0, 90], [0, -1.5, 0, 80], [0, 0, 8, -40], [0, 0, 0, 1.0]])


@pytest.mark.parametrize(
    ("affine", "line"),
    [
        (IDENTITY, "copy the image's affine into the mask if they match voxel for voxel"),
        (np.diag([-1, -1, 1, 1]), "copy the image's affine into the mask if they match voxel for voxel"),
        (None, "copy the image's affine into the mask if they match voxel for voxel"),
        (FAR + np.outer([40, 0, 0, 0], [0, 0, 0, 1]), "resample the mask onto"),
    ],
    ids=["identity", "identity in LPS", "none", "elsewhere"],
)
def test_a_mask_that_lies_elsewhere_is_refused_with_what_to_do(tmp_path, affine, line):
    image = put(tmp_path / "i.nii.gz", sform=FAR, qform=FAR)
    mask = put(tmp_path / "m.nii.gz", (VOXELS > 500).astype(np.uint8), sform=affine)
    with pytest.raises(CediceError, match=line) as caught:
        reading.volume(Case("v", "p", "", 1, None, image, mask), MR, ((0,), (1,)))
    assert str(mask) in str(caught.value)


def test_a_mask_without_an_orientation_is_not_mirrored_in_silence(tmp_path):
    """NIfTI's meaning of no codes is LAS about the centre; beside an RAS image of the same place that would mirror the mask."""
    labels = (VOXELS > 500).astype(np.uint8)
    affine = np.diag([2.0, 2.0, 5.0, 1.0])
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(VOXELS.shape) - 1) / 2)
    image = put(tmp_path / "i.nii.gz", sform=affine, qform=affine)
    mask = put(tmp_path / "m.nii.gz", labels, zooms=(2.0, 2.0, 5.0))
    with pytest.raises(
        CediceError, match="states no orientation, so it may be mirrored; copy the image's affine into the mask"
    ):
        nifti.onto(nifti.read(mask), nifti.read(image), mask)
    alike = put(tmp_path / "a.nii.gz", zooms=(2.0, 2.0, 5.0))
    np.testing.assert_array_equal(nifti.onto(nifti.read(mask), nifti.read(alike), mask), labels)


def test_what_is_written_in_a_scans_place_has_no_words_of_the_scanner(tmp_path):
    image = nibabel.Nifti1Image(VOXELS, ACDC)
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"Patient: Doe, Jane"))
    image.header["db_name"] = b"Doe^Jane"
    image.to_filename(tmp_path / "scan.nii")
    nifti.write_onto(tmp_path / "labels.nii", VOXELS.astype(np.uint8), tmp_path / "scan.nii")
    assert b"Doe" not in (tmp_path / "labels.nii").read_bytes()
    written = nibabel.load(tmp_path / "labels.nii")
    np.testing.assert_array_equal(written.affine, nibabel.load(tmp_path / "scan.nii").affine)
    np.testing.assert_array_equal(np.asarray(written.dataobj), VOXELS.astype(np.uint8))
