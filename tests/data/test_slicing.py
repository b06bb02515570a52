"""Along which axis a volume is cut: the same slices however its file is stored, in training, in the check and in prediction."""

from itertools import permutations
from pathlib import Path

import nibabel
import numpy as np
import pytest
from grey import cedice, write_model

from cedice.data import check, nifti, reading
from cedice.data.cases import Case
from cedice.data.intensity import Intensity
from cedice.data.preprocess import SliceBuilder
from cedice.data.sources.folder import FolderSource
from cedice.described import Files
from cedice.errors import CediceError

MR = Intensity("percentiles", 0, 100)
EDGES = (0.7, 0.8, 4.0)  # of a voxel: its last axis is thick
VOXELS = np.random.default_rng(0).choice(np.array([-900, 0, 900], np.int16), (9, 8, 5))
LABELS = np.digitize(VOXELS, (-450, 450)).astype(np.uint8)  # as the model of `grey` has them
ORDERS = list(permutations(range(3)))


def put(
    path: Path, voxels: np.ndarray, edges: tuple[float, ...], order: tuple[int, ...] = (0, 1, 2), stated: bool = True
) -> Path:
    """Voxels with their axes in another ``order`` in the file, and an affine that tells where these point to, if ``stated``."""
    affine = np.diag([*edges, 1.0])[:, [*order, 3]]
    image = nibabel.Nifti1Image(np.ascontiguousarray(voxels.transpose(order)), affine if stated else None)
    if not stated:
        image.header.set_zooms([edges[axis] for axis in order])
    image.header.set_xyzt_units("mm")
    path.parent.mkdir(parents=True, exist_ok=True)
    image.to_filename(path)
    return path


@pytest.mark.parametrize("stated", [True, False])
@pytest.mark.parametrize("order", ORDERS)
def test_a_volume_gives_the_slices_that_it_was_taken_in(tmp_path, order, stated):
    image, mask = (put(tmp_path / f"{name}.nii", part, EDGES, order, stated) for name, part in (("i", VOXELS), ("m", LABELS)))
    volume = reading.volume(Case("v", "p", "", 1, None, image, mask), MR, ((0,), (1,), (2,)))
    turned = order.index(0) > order.index(1)  # a slice's rows and columns as the file has them
    expected = LABELS.transpose(2, 0, 1) if turned else LABELS.transpose(2, 1, 0)
    np.testing.assert_array_equal(volume.mask, expected)
    np.testing.assert_array_equal(volume.image, expected * 127.5)
    assert volume.spacing == pytest.approx((4, 0.7, 0.8) if turned else (4, 0.8, 0.7))
    assert volume.axes == (("ARS" if turned else "RAS") if stated else "")
    scan = reading.scan(image)
    np.testing.assert_array_equal(scan.image, VOXELS.transpose(2, 0, 1) if turned else VOXELS.transpose(2, 1, 0))
    assert (scan.axes, scan.spacing[::-1], scan.cut) == (volume.axes, volume.spacing, volume.cut)
    np.testing.assert_array_equal(nifti.stacked(scan.image, scan.cut), VOXELS.transpose(order))


@pytest.mark.parametrize("model_axes", ["", "RAS"])
@pytest.mark.parametrize("order", ORDERS)
def test_a_scan_is_labelled_in_these_slices_on_its_own_grid(tmp_path, order, model_axes):
    voxels, labels = (part.repeat(4, axis=0).repeat(4, axis=1) for part in (VOXELS[:8], LABELS[:8]))  # of the network's size
    scan = put(tmp_path / "scan.nii", voxels, EDGES, order)
    model = write_model(tmp_path / "m.safetensors", model_axes)
    cedice("predict", model, scan, "-o", tmp_path / "out", "--device", "cpu", "--probabilities")
    written, likely = (nibabel.load(tmp_path / f"out/scan_{kind}.nii.gz") for kind in ("labels", "probabilities"))
    np.testing.assert_array_equal(np.asarray(written.dataobj), labels.transpose(order))
    np.testing.assert_array_equal(np.asarray(likely.dataobj).argmax(axis=3), labels.transpose(order))
    np.testing.assert_array_equal(written.affine, nibabel.load(scan).affine)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_single_slice_is_one_slice_wherever_its_axis_stands(tmp_path, axis):
    plane, edges = np.expand_dims(VOXELS[:, :, 0], axis), tuple(np.insert((0.5, 3.0), axis, 2.0))
    scan = reading.scan(put(tmp_path / "i.nii", plane, edges))
    np.testing.assert_array_equal(scan.image, VOXELS[:, :, 0].T[None])
    assert scan.voxel_ml == pytest.approx(0.003)
    assert scan.spacing == pytest.approx((0.5, 3, 2))
    assert scan.axes[2] == "RAS"[axis]


@pytest.mark.parametrize("shape", [(1, 1, 9), (1, 9, 1), (9, 1), (1, 9), (1, 1, 1)])
def test_a_line_of_voxels_is_no_slice(tmp_path, shape):
    nibabel.Nifti1Image(np.zeros(shape, np.uint8), np.eye(4)).to_filename(tmp_path / "i.nii")
    with pytest.raises(CediceError, match=r"i\.nii: a line of voxels"):
        reading.scan(tmp_path / "i.nii")


def found(folder: Path) -> check.Findings:
    description = {
        "kind": "files",
        "path": str(folder),
        "images": "{patient}/i.nii",
        "masks": "{patient}/m.nii",
        "classes": {"background": 0, "grey": 1, "white": 2},
        "intensity": {"kind": "percentiles", "low": 0, "high": 100},
    }
    return check.check(FolderSource("mine", Files.model_validate(description)), "patient", 1)


def pair(folder: Path, edges: tuple[float, ...], order: tuple[int, ...]) -> None:
    put(folder / "i.nii", VOXELS, edges, order)
    put(folder / "m.nii", LABELS, edges, order)


def test_the_check_says_which_axis_is_cut_and_warns_where_that_is_not_plain(tmp_path):
    for number in range(10):
        pair(tmp_path / f"p{number}", EDGES, (2, 0, 1))
    findings = found(tmp_path)
    assert "10 patients, 50 slices of 9×8 pixels" in findings.lines[0]
    assert findings.lines[1] == "spacing: 4 between slices, 0.8 × 0.7 in them, mm; cut along the first axis of the files"
    assert not any("cut" in line for line in findings.warnings)
    pair(tmp_path / "p9", (0.7, 0.8, 1.2), (2, 0, 1))  # thicker, but not twice as thick
    findings = found(tmp_path)
    assert "cut along the first or the third axis of the files" in findings.lines[1]
    mixed, doubtful = (line for line in findings.warnings if "cut" in line)
    assert "9 files along the first, 1 file along the third" in mixed
    assert doubtful.startswith(
        "p9/i.nii: cut along its third axis, though voxels of 1.2 × 0.7 × 0.8 are longest along the first"
    )


def test_the_record_says_where_slices_follow_each_other(tmp_path):
    pair(tmp_path, EDGES, (2, 0, 1))
    case = Case("v", "p", "", 1, None, tmp_path / "i.nii", tmp_path / "m.nii")
    builder = SliceBuilder(3)
    builder.add(case, reading.volume(case, MR, ((0,), (1,), (2,))))
    row = builder.split("slice", None).index.iloc[0]
    assert (row["axes"], row["spacing_slices"]) == ("RAS", pytest.approx(4))
