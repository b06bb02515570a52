"""`cedice evaluate`: measures against MONAI's and by hand, pairs by name, and what is refused."""

import math
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pytest
import torch
from grey import cedice
from monai.metrics import DiceMetric, HausdorffDistanceMetric, MeanIoU, SurfaceDiceMetric
from PIL import Image
from scipy import ndimage

from cedice.data.sources.guess import counterparts
from cedice.errors import CediceError
from cedice.evaluation import compare

SIZE = (1.2, 1.5, 8.0)  # mm, along x, y, z


def volume(file: Path, labels: np.ndarray, sizes: tuple[float, ...] = SIZE, unit: str | None = "mm", dtype=np.uint8) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    image = nibabel.Nifti1Image(labels.astype(dtype), np.diag([*sizes, 1.0]))
    image.header.set_xyzt_units(unit)
    image.to_filename(file)


def image(file: Path, labels: np.ndarray) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(labels.astype(np.uint8)).save(file)


def blobs(seed: int) -> np.ndarray:
    """(48, 40, 7) labels 0, 1, 2."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).random((48, 40, 7)), (3, 3, 1))
    return np.digitize(noise, [0.502, 0.512])


def test_a_volume_agrees_with_monai(tmp_path):
    """In mm, though the label map lies mirrored in its file, as floats, and names no unit."""
    labels, truth = blobs(0), blobs(9)
    volume(tmp_path / "truth/heart.nii.gz", truth)
    affine = np.diag([*SIZE, 1.0]) @ nibabel.orientations.inv_ornt_aff([[0, -1], [1, 1], [2, 1]], labels.shape)
    (tmp_path / "labels").mkdir()
    nibabel.Nifti1Image(labels[::-1].astype(np.float32), affine).to_filename(tmp_path / "labels/heart_labels.nii")
    cedice("evaluate", tmp_path / "labels", tmp_path / "truth", "-o", tmp_path / "m.csv")
    found = pd.read_csv(tmp_path / "m.csv")
    assert tuple(found) == compare.COLUMNS
    assert found[["case", "class", "unit"]].values.tolist() == [["heart", 1, "mm"], ["heart", 2, "mm"]]
    for row in found.to_dict("records"):
        both = [torch.from_numpy(values == row["class"])[None, None] for values in (labels, truth)]
        assert row["dice"] == pytest.approx(DiceMetric()(*both).item(), rel=1e-5)
        assert row["iou"] == pytest.approx(MeanIoU()(*both).item(), rel=1e-5)
        assert row["pixel_error"] == pytest.approx((both[0] != both[1]).float().mean().item(), rel=1e-5)
        surface, hausdorff = SurfaceDiceMetric([2.0], True), HausdorffDistanceMetric(True, percentile=95)
        assert row["surface_dice"] == pytest.approx(surface(*both, spacing=SIZE).item(), rel=1e-5)
        assert row["hd95"] == pytest.approx(hausdorff(*both, spacing=SIZE).item(), rel=1e-5)


def square(rows: slice, columns: slice, value: int = 1) -> np.ndarray:
    labels = np.zeros((20, 30), np.uint8)
    labels[rows, columns] = value
    return labels


def test_images_by_hand(tmp_path, capsys):
    """4×4 pixels, moved two to the right: of the 12 pixels of either border all lie within 2 of the other. Empty in both has no
    value; empty in one a Dice of 0 and the image's diagonal. Means are over those that have a value."""
    truth = square(slice(5, 9), slice(5, 9), 255)
    image(tmp_path / "truth/a.png", truth)
    image(tmp_path / "labels/a_labels.png", square(slice(5, 9), slice(7, 11)))
    for case, values in (("b", truth * 0), ("c", truth * 0)):
        image(tmp_path / f"truth/{case}.tif", values)
    image(tmp_path / "labels/b_labels.png", truth * 0)
    image(tmp_path / "labels/c_labels.png", square(slice(0, 1), slice(0, 3)))
    image(tmp_path / "labels/c_preview.png", square(slice(0, 20), slice(0, 30), 77))
    image(tmp_path / "truth/d.png", truth)
    cedice("evaluate", tmp_path / "labels", tmp_path / "truth", "-o", tmp_path / "m.csv")
    told = capsys.readouterr()
    found = pd.read_csv(tmp_path / "m.csv").set_index("case")
    assert found["class"].to_list() == [1, 1, 1]
    assert found.loc["a", ["truth", "predicted"]].to_list() == [16, 16]
    values = [0.5, 1 / 3, 16 / 600, 1, 2]
    assert found.loc["a", "dice":"hd95"].to_list() == pytest.approx(values, rel=1e-5)
    assert found.loc["b", "dice":"hd95"].isna().all()
    assert found.loc["c", "dice":"hd95"].to_list() == pytest.approx([0, 0, 3 / 600, 0, math.hypot(20, 30)], rel=1e-5)
    *_, last = told.out.splitlines()
    assert last.split() == ["mean", "1", "0.2500", "0.1667", "0.01583", "0.5000", "19.03", "over", "2", "of", "3", "cases"]
    assert "(2 pixel)" in told.out.splitlines()[0]
    assert "255 on one side and 1 on the other" in told.err
    assert "1 without a counterpart, left out (first: d.png)" in told.err


def test_a_single_slice_has_its_border_in_its_plane(tmp_path):
    """In the three dimensions of one slice every voxel would be border: the inner ones of 6×6 are 1 mm or more off, not 0."""
    for side, columns in (("labels", slice(5, 11)), ("truth", slice(7, 13))):
        volume(tmp_path / f"{side}.nii", square(slice(5, 11), columns)[..., None], (1, 1, 5))
    (pair,), _ = compare.pairs(tmp_path / "labels.nii", tmp_path / "truth.nii")
    (row,) = compare.evaluate([pair]).table.to_dict("records")
    assert (row["surface_dice"], row["hd95"], row["unit"]) == (1, 2, "mm")


def test_without_a_size_in_mm_there_are_no_distances(tmp_path):
    for unit_of_labels, size in ((None, None), ("micron", (1e-3, 1e-3, 1e-3))):
        volume(tmp_path / "truth.nii", blobs(1), (1, 1, 1), None)
        volume(tmp_path / "labels.nii", blobs(1), (1, 1, 1), unit_of_labels)
        maps = compare.read(compare.Pair("heart", tmp_path / "labels.nii", tmp_path / "truth.nii"))
        assert maps.size == (size and pytest.approx(size))
        assert bool(maps.warnings) == (size is None)
    table = compare.evaluate([compare.Pair("a", tmp_path / "labels.nii", tmp_path / "truth.nii")]).table
    assert (table["dice"] == 1).all()


@pytest.mark.parametrize(
    ("labels", "truths", "expected"),
    [
        (["a.nii.gz", "b.nii"], ["c.nii", "a.nii"], {"a": (0, 1)}),
        (["p1_f1_labels.nii.gz", "p1_f1_preview.png"], ["p1/p1_f1.nii.gz", "p1/p1_f1_gt.nii.gz"], {"p1_f1": (0, 1)}),
        (["p1/seg.nii.gz", "p2/seg.nii.gz"], ["p1/gt.nii", "p2/gt.nii"], {"p1": (0, 0), "p2": (1, 1)}),
        (["case_0000_labels.nii.gz"], ["labelsTs/case.nii.gz"], {"case_0000": (0, 0)}),
        (["case_0001.png", "case_0002.png"], ["case_0002.png"], {"case_0002": (1, 0)}),
        (["s1/segmentations/liver.nii.gz", "s2/segmentations/liver.nii.gz"],) * 2 + ({"s1/liver": (0, 0), "s2/liver": (1, 1)},),
    ],
)
def test_pairs_by_name(labels, truths, expected):
    """Of cedice, nnU-Net, ACDC and TotalSegmentator; the case is named as the label map is."""
    found = counterparts(labels, truths)
    assert {case: (labels.index(one), truths.index(other)) for case, (one, other) in found.items()} == expected


def test_a_bad_pair_is_a_line_and_the_others_are_in_the_table(tmp_path, capsys):
    for case in "abcd":
        volume(tmp_path / f"truth/{case}.nii", blobs(1))
    volume(tmp_path / "labels/a.nii", blobs(2))
    volume(tmp_path / "labels/b.nii", blobs(2)[:-1])
    volume(tmp_path / "labels/c.nii", blobs(2), (1.2, 1.5, 5))
    volume(tmp_path / "labels/d.nii", blobs(2) / 3, dtype=np.float32)
    with pytest.raises(CediceError, match="3 of 4 pairs"):
        cedice("evaluate", tmp_path / "labels", tmp_path / "truth", "-o", tmp_path / "m.csv")
    errors = capsys.readouterr().err
    for words in ("b.nii: 47×40×7, but", "c.nii: not on the grid of", "d.nii: holds fractions"):
        assert words in errors
    assert set(pd.read_csv(tmp_path / "m.csv")["case"]) == {"a"}


def test_what_is_refused_is_one_line_and_overwrites_nothing(tmp_path):
    image(tmp_path / "one/a.png", square(slice(2), slice(2), 1))
    image(tmp_path / "two/a.png", square(slice(2), slice(2), 2))
    image(tmp_path / "grey/a.png", np.arange(600).reshape(20, 30) % 256)
    image(tmp_path / "jpeg/a.jpg", square(slice(2), slice(2)))
    volume(tmp_path / "volume/a.nii", blobs(1))
    (tmp_path / "mine.csv").write_text("case,dice\n")
    for one, other, more, words in (
        ("one", "two", (), "no class in common"),
        ("grey", "one", (), "255 values, which are no labels"),
        ("jpeg", "one", (), "a JPEG changes the values"),
        ("one", "volume", (), "volumes and images together"),
        ("one", "none", (), "is not there"),
        ("one", "one", ("-o", tmp_path / "mine.csv"), "no table of `cedice evaluate`"),
        ("one", "one", ("-o", tmp_path / "mine"), "ends in .csv"),
    ):
        with pytest.raises(CediceError, match=words):
            cedice("evaluate", tmp_path / one, tmp_path / other, *more)
    assert (tmp_path / "mine.csv").read_text() == "case,dice\n"
    for _ in range(2):  # a table of its own is replaced
        cedice("evaluate", tmp_path / "one", tmp_path / "one", "-o", tmp_path / "own.csv")
    with pytest.raises(CediceError, match=r"both named as case a"):
        counterparts(["a_seg.png", "a_gt.png"], ["a.png"])
