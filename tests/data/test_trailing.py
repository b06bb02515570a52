"""Bytes behind the sound end of a gzip are left out and told of, in a volume, a mask and a tar alike; damage is refused."""

import gzip
import tarfile
from pathlib import Path

import nibabel
import numpy as np
import pytest
from grey import cedice, write_model

from cedice.data import archives, reading
from cedice.data.check import check
from cedice.data.sources.folder import FolderSource
from cedice.described import Files
from cedice.errors import CediceError

LINE = "bytes that are no gzip follow its end: left out, as gunzip does it"
GARBAGE = {"a line end": b"\n", "two": b"\r\n", "a text": b"<!-- sent by a server -->\n" * 9}


def put(path: Path, size: int, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    voxels = np.random.default_rng(seed).integers(-1000, 1000, (size, size, 3)).astype(np.int16)
    nibabel.Nifti1Image(voxels, np.diag([1, 1, 4, 1])).to_filename(path)
    return path


def append(path: Path, garbage: bytes) -> None:
    path.write_bytes(path.read_bytes() + garbage)


@pytest.mark.parametrize("size", [4, 90])  # smaller and larger than what is read at once
@pytest.mark.parametrize("name", GARBAGE)
def test_a_scan_with_garbage_behind_its_gzip_is_read_and_told_of(tmp_path, size, name):
    path = put(tmp_path / "i.nii.gz", size)
    before = reading.scan(path)
    append(path, GARBAGE[name])
    after = reading.scan(path)
    np.testing.assert_array_equal(after.image, before.image)
    assert (before.warning, after.warning) == ("", LINE)


def test_it_is_told_where_it_is_labelled(tmp_path, capsys):
    append(path := put(tmp_path / "i.nii.gz", 20), b"\n")
    cedice("predict", write_model(tmp_path / "m.safetensors"), path, "-o", tmp_path / "out", "--device", "cpu")
    assert f"{path}: {LINE}" in capsys.readouterr().err
    assert (tmp_path / "out/i_labels.nii.gz").is_file()


@pytest.mark.parametrize("size", [4, 90])
@pytest.mark.parametrize("garbage", [b"", b"\n"])
def test_a_wrong_checksum_stays_damage(tmp_path, size, garbage):
    content = bytearray(put(tmp_path / "i.nii.gz", size).read_bytes())
    content[-8] ^= 1
    (tmp_path / "i.nii.gz").write_bytes(content + garbage)
    with pytest.raises(CediceError, match=r"i\.nii\.gz: not a readable NIfTI file \(CRC check failed"):
        reading.scan(tmp_path / "i.nii.gz")


def test_what_is_cut_stays_damage_with_a_line_end_behind(tmp_path):
    path = put(tmp_path / "i.nii.gz", 90)
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())[:-100]) + b"\n")
    with pytest.raises(CediceError, match=r"i\.nii\.gz: not a readable NIfTI file"):
        reading.scan(path)


def test_a_data_set_as_folder_and_as_tar(tmp_path):
    description = {
        "kind": "files",
        "images": "{patient}/i.nii.gz",
        "masks": "{patient}/m.nii.gz",
        "classes": {"background": 0, "square": 1},
        "intensity": {"kind": "percentiles", "low": 0, "high": 100},
    }
    for number in range(10):
        put(tmp_path / f"set/p{number}/i.nii.gz", 20, number)
        label = nibabel.Nifti1Image(np.eye(20, dtype=np.uint8)[:, :, None].repeat(3, axis=2), np.diag([1, 1, 4, 1]))
        label.to_filename(tmp_path / f"set/p{number}/m.nii.gz")
    append(tmp_path / "set/p3/m.nii.gz", b"\n")
    with tarfile.open(tmp_path / "set.tar.gz", "w:gz") as packed:
        packed.add(tmp_path / "set", ".")
    append(tmp_path / "set.tar.gz", b"\n")
    for name, remarks in (("set", []), ("set.tar.gz", [f"set.tar.gz: {LINE}"])):
        source = FolderSource("mine", Files.model_validate(description | {"path": str(tmp_path / name)}))
        findings = check(source, "patient", 1)
        assert not findings.problems
        assert f"p3/i.nii.gz: its mask: {LINE}" in findings.warnings
        assert [line for line in findings.lines if LINE in line] == remarks
        told: list[str] = []
        archives.obtain(source, tmp_path / f"raw of {name}", told.append)
        assert told == [f"mine: {line}" for line in remarks]
