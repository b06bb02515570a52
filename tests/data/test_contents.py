"""Files that are not what their names say: read where they can be, else told what they are and what to do."""

import gzip
import io
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image

from cedice.data import contents, nifti, pictures
from cedice.errors import CediceError

VOXELS = np.random.default_rng(7).integers(0, 900, (40, 36, 3)).astype(np.int16)
PIXELS = np.random.default_rng(7).integers(0, 255, (64, 60)).astype(np.uint8)


def volume(kind: type = nibabel.Nifti1Image, order: str = "<") -> bytes:
    return kind(VOXELS.astype(VOXELS.dtype.newbyteorder(order)), np.diag([1, 1, 3, 1.0])).to_bytes()


def picture(kind: str) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(PIXELS).save(stream, kind)
    return stream.getvalue()


def header_of_a_pair(kind: type) -> bytes:
    files = kind.make_file_map({"header": io.BytesIO(), "image": io.BytesIO()})
    kind(VOXELS, np.eye(4)).to_file_map(files)
    return files["header"].fileobj.getvalue()


def tarred() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        tar.addfile(tarfile.TarInfo("scan.nii"), io.BytesIO())
    return stream.getvalue()


def zipped() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("scan.nii", volume())
    return stream.getvalue()


READ = {
    "plain.nii.gz": volume,
    "zipped.nii": lambda: gzip.compress(volume()),
    "UPPER.NII.GZ": lambda: gzip.compress(volume()),
    "two.nii": lambda: volume(nibabel.Nifti2Image),
    "two.nii.gz": lambda: gzip.compress(volume(nibabel.Nifti2Image)),
    "two-plain.nii.gz": lambda: volume(nibabel.Nifti2Image),
    "big-endian.nii": lambda: volume(order=">"),
    "several members.nii.gz": lambda: gzip.compress(volume()[:999]) + gzip.compress(volume()[999:]),
}


@pytest.mark.parametrize("name", READ)
def test_what_can_be_read_is(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(READ[name]())
    read = nifti.read(path)
    np.testing.assert_array_equal(read.voxels, VOXELS)
    assert (read.spacing, read.axes) == ((1, 1, 3), "RAS")
    nifti.write_onto(tmp_path / "labels.nii.gz", (VOXELS > 99).astype(np.uint8), path)
    written = nifti.read(tmp_path / "labels.nii.gz")
    np.testing.assert_array_equal(written.voxels, VOXELS > 99)
    np.testing.assert_array_equal(written.affine, read.affine)


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"4d" * 32 + b"\nsize 12345\n"
PAGE = b"\n <!DOCTYPE html><html><body>Please log in to download</body></html>"
DICOM = bytes(128) + b"DICM" + bytes(900)
TOLD = {
    "a pointer": (LFS, "it is a Git LFS pointer, which stands for the file; get the file by `git lfs pull`"),
    "a pointer of git-annex": (b"/annex/objects/SHA256E-s1--2.nii.gz", "git annex get"),
    "a web page": (PAGE, "it is a web page, as comes where a login is asked for; download the file again, logged in"),
    "an answer in XML": (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "it is a web page"),
    "an answer in text": (b"404: Not Found", "it is a text that begins '404: Not Found'; get the file itself"),
    "DICOM": (DICOM, "it is a DICOM file; convert the whole series to NIfTI"),
    "zip": (zipped(), "it is a zip archive; unpack it first"),
    "nothing": (b"", "it is empty; copy or download it again"),
    "a pair's header": (header_of_a_pair(nibabel.Nifti1Pair), "it is the header alone of a pair (.hdr and .img); convert both"),
    "an Analyze header": (header_of_a_pair(nibabel.AnalyzeImage), "it is the header alone of a pair (.hdr and .img)"),
    "zeros": (bytes(5000), "it begins with nothing but zeros"),
    "FreeSurfer": (nibabel.MGHImage(VOXELS.astype(np.int32), np.eye(4)).to_bytes(), "it is a FreeSurfer volume; convert it"),
    "HEIC": (b"\0\0\0\x18ftypheic" + bytes(99), "it is a HEIC image"),
    "NumPy": (b"\x93NUMPY\1\0v\0{}", "it is a NumPy array; save it as NIfTI"),
    "NRRD": (b"NRRD0004\ntype: short\n", "it is an NRRD file; convert it to NIfTI"),
    "bzip2": (b"BZh91AY&SY", "it is compressed by bzip2; unpack it first"),
}
OF_VOLUMES = TOLD | {
    "a PNG": (picture("PNG"), "it is a PNG image; name it .png"),
    "tar": (tarred(), "it is a tar archive; unpack it first"),
    "zipped twice": (gzip.compress(gzip.compress(volume())), "it is compressed by gzip twice; unpack it once"),
    "a page, zipped": (gzip.compress(PAGE), "it is a web page"),
    "nothing, zipped": (gzip.compress(b""), "it is empty"),
    "cut, zipped": (gzip.compress(volume())[:5000], "it ends too soon; copy or download it again"),
    "cut within the header": (volume()[:200], "not a readable NIfTI file"),
    "cut": (volume()[:5000], "it ends too soon; copy or download it again"),
    "damaged": (b"\x1f\x8b\x08\0" + bytes(99), "get it again"),
}
OF_PICTURES = TOLD | {
    "a volume": (volume(), "it is a NIfTI volume; name it .nii or .nii.gz"),
    "a volume, zipped": (gzip.compress(volume()), "name it .nii.gz if it is a volume"),
    "BMP": (picture("BMP"), "it is a BMP image; save it as PNG"),
    "WebP": (picture("WEBP"), "it is a WebP image; save it as PNG"),
    "cut": (picture("PNG")[:900], "not a readable image: "),
}


@pytest.mark.parametrize("name", OF_VOLUMES)
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_a_volume_that_is_none_is_told(tmp_path, name, suffix):
    said(tmp_path / f"a{suffix}", nifti.read, *OF_VOLUMES[name])


@pytest.mark.parametrize("name", OF_PICTURES)
@pytest.mark.parametrize("read", [pictures.read, pictures.read_mask])
def test_a_picture_that_is_none_is_told(tmp_path, name, read):
    said(tmp_path / "a.png", read, *OF_PICTURES[name])


def said(path: Path, read: object, content: bytes, line: str) -> None:
    path.write_bytes(content)
    with pytest.raises(CediceError) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: not a readable ")
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "GIF"])
def test_a_picture_under_another_pictures_name_is_read(tmp_path, kind):
    path = tmp_path / "a.png"
    path.write_bytes(picture(kind))
    assert np.abs(pictures.read(path).astype(int) - PIXELS).mean() < (9 if kind == "JPEG" else 0.1)


def test_a_file_that_may_not_be_read_is_not_called_damaged(tmp_path):
    (tmp_path / "a.nii").mkdir()
    with pytest.raises(CediceError, match="cannot be read"):
        nifti.read(tmp_path / "a.nii")
    assert contents.advice(b"\1\2\3\xff" * 99, "volume") == ""


SCALE = """
import resource, sys
from pathlib import Path
from cedice.data import nifti
from cedice.data.intensity import Intensity
from cedice.errors import CediceError
path, spare = Path(sys.argv[1]), int(sys.argv[2])
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + spare * 2**20,) * 2)
try:
    print(Intensity("window", -1250, 250).scale(nifti.read(path).voxels, path).dtype)
except CediceError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits memory as Linux does")
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_a_scan_that_does_not_fit_into_memory_is_one_line(tmp_path, suffix):
    """Of 16 million voxels, 32 MiB as stored: scaled from int16 it takes a copy and the result in float32."""
    image = nibabel.Nifti1Image(np.zeros((256, 256, 256), np.int16), np.eye(4))
    image.header.set_slope_inter(1, -1024)
    image.to_filename(path := tmp_path / f"ct{suffix}")
    for spare, line in ((60, "does not fit into the memory"), (100, "does not fit into the memory"), (220, "float32")):
        done = subprocess.run([sys.executable, "-c", SCALE, path, str(spare)], capture_output=True, text=True, check=True)
        assert line in done.stdout, (spare, done)
