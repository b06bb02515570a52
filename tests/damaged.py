"""The corpus of damaged images: each fault made in a sound file, and what must come of it.

`python tests/damaged.py` makes all of them and prints how many there are, and what each was answered with.
"""

import gzip
import shutil
import struct
import sys
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np
from PIL import Image

from cedice.data.cases import Case
from cedice.data.phantoms import generate
from cedice.data.sources.acdc import Acdc
from cedice.data.sources.covid19 import Covid19
from cedice.errors import CediceError

Fault = Callable[[Case], None]


@dataclass(frozen=True)
class Expected:
    """``refused``: what the one line says; "" where the file must be read, and give the voxels of the sound one."""

    damage: Fault
    refused: str


def _rewrite(path: Path, change: Callable[[np.ndarray], np.ndarray], affine: np.ndarray | None = None) -> None:
    image = nibabel.load(path)
    voxels = change(np.asanyarray(image.dataobj).copy())
    nibabel.Nifti1Image(voxels, image.affine if affine is None else affine).to_filename(path)


def _bytes(path: Path, change: Callable[[bytearray], bytes | bytearray], inside: bool = False) -> None:
    """Change a file's bytes, or those that its gzip holds."""
    content = bytearray(gzip.decompress(path.read_bytes()) if inside else path.read_bytes())
    changed = bytes(change(content))
    path.write_bytes(gzip.compress(changed) if inside else changed)


def _header(offset: int, form: str, *values: float) -> Callable[[bytearray], bytearray]:
    def change(content: bytearray) -> bytearray:
        struct.pack_into(form, content, offset, *values)
        return content

    return change


def _put(value: float, kind: type = np.float32) -> Callable[[np.ndarray], np.ndarray]:
    def change(voxels: np.ndarray) -> np.ndarray:
        voxels = voxels.astype(kind)
        voxels[5, 5, 3] = value
        return voxels

    return change


def _flip_bit(content: bytearray) -> bytearray:
    content[len(content) // 2] ^= 16
    return content


def _turned(case: Case) -> None:
    """The same mask in another axis order and direction, with an affine that says so: new (a, b, c) is old (c, end − a, b)."""
    image = nibabel.load(case.mask)
    voxels = np.asanyarray(image.dataobj).copy()
    turn = np.array([[0, 0, 1, 0], [-1, 0, 0, voxels.shape[1] - 1], [0, 1, 0, 0], [0, 0, 0, 1]])
    nibabel.Nifti1Image(voxels.transpose(1, 2, 0)[::-1], image.affine @ turn).to_filename(case.mask)


def _moved(offset: float) -> Fault:
    def damage(case: Case) -> None:
        affine = nibabel.load(case.mask).affine.copy()
        affine[0, 3] += offset
        _rewrite(case.mask, lambda labels: labels, affine)

    return damage


def _affine(value: float) -> Fault:
    def damage(case: Case) -> None:
        _bytes(case.image, _header(280, "<12f", *[value] * 12), inside=True)  # srow_x, srow_y, srow_z

    return damage


VOLUMES: dict[str, Expected] = {
    "truncated gzip": Expected(lambda c: _bytes(c.image, lambda b: b[:5000]), "not a readable NIfTI file"),
    "gzip cut after the last voxel": Expected(lambda c: _bytes(c.image, lambda b: b[:-6]), "not a readable NIfTI file"),
    "a bit flipped in the gzip": Expected(lambda c: _bytes(c.image, _flip_bit), "not a readable NIfTI file"),
    "wrong checksum": Expected(lambda c: _bytes(c.image, lambda b: b[:-8] + b"\0\0\0\0" + b[-4:]), "not a readable NIfTI file"),
    "empty file": Expected(lambda c: c.image.write_bytes(b""), "not a readable NIfTI file"),
    "another format": Expected(lambda c: c.image.write_bytes(gzip.compress(b"no image" * 100)), "not a readable NIfTI file"),
    "wrong magic": Expected(lambda c: _bytes(c.image, _header(344, "4s", b"xxxx"), True), "not a readable NIfTI file"),
    "header says fewer bits": Expected(lambda c: _bytes(c.image, _header(70, "<h", 12345), True), "not a readable NIfTI file"),
    "size of the header swapped": Expected(lambda c: _bytes(c.image, _header(0, ">i", 348), True), ""),
    "big-endian": Expected(lambda c: _rewrite(c.image, lambda v: v.astype(v.dtype.newbyteorder(">"))), ""),
    "float mask": Expected(lambda c: _rewrite(c.mask, lambda v: v.astype(np.float32)), ""),
    "fractions in the mask": Expected(lambda c: _rewrite(c.mask, _put(0.5)), "the first is 0.5"),
    "unknown label": Expected(lambda c: _rewrite(c.mask, _put(7, np.uint8)), "the first is 7"),
    "negative label": Expected(lambda c: _rewrite(c.mask, _put(-1, np.int16)), "the first is -1"),
    "labels that are no classes": Expected(lambda c: _rewrite(c.mask, lambda v: v * 50), "labels outside the classes"),
    "negative voxels": Expected(lambda c: _rewrite(c.image, lambda v: v - 1000), ""),
    "NaN voxel": Expected(lambda c: _rewrite(c.image, _put(np.nan)), "1 voxels are NaN or infinite, the first in slice 3"),
    "infinite voxel": Expected(lambda c: _rewrite(c.image, _put(np.inf)), "1 voxels are NaN or infinite"),
    "infinite intercept": Expected(
        lambda c: _bytes(c.image, _header(112, "<2f", 1, np.inf), True), "not a readable NIfTI file"
    ),
    "slope beyond all numbers": Expected(lambda c: _bytes(c.image, _header(112, "<2f", 3e38, 0), True), "NaN or infinite"),
    "constant image": Expected(lambda c: _rewrite(c.image, lambda v: np.full_like(v, 9)), "there is no image in it"),
    "zero-size axis": Expected(lambda c: _rewrite(c.image, lambda v: v[:, :, :0]), "empty volume"),
    "4-D": Expected(lambda c: _rewrite(c.image, lambda v: np.stack([v, v], axis=-1)), "4-D"),
    "2-D beside a 3-D mask": Expected(lambda c: _rewrite(c.image, lambda v: v[:, :, 0]), "differs from"),
    "a fourth axis of length 1": Expected(lambda c: _rewrite(c.image, lambda v: v[..., None]), ""),
    "5-D": Expected(lambda c: _rewrite(c.image, lambda v: np.stack([v[..., None]] * 2, axis=-1)), "5-D"),
    "huge dimensions": Expected(lambda c: _bytes(c.image, _header(42, "<3h", *[32767] * 3), True), "more than the"),
    "more dimensions than bytes": Expected(lambda c: _bytes(c.image, _header(46, "<h", 99), True), "not a readable NIfTI file"),
    "negative dimension": Expected(lambda c: _bytes(c.image, _header(46, "<h", -5), True), "empty volume"),
    "a gigabyte of zeros behind": Expected(lambda c: _bytes(c.image, lambda b: b + bytes(2**24), True), "goes on after"),
    "colour voxels": Expected(
        lambda c: _rewrite(c.image, lambda v: np.zeros(v.shape, [("R", "u1"), ("G", "u1"), ("B", "u1")])), "one real number"
    ),
    "complex voxels": Expected(lambda c: _rewrite(c.image, lambda v: v.astype(np.complex64)), "one real number"),
    "affine of zeros": Expected(_affine(0), "maps the voxels to no space"),
    "affine of NaN": Expected(_affine(np.nan), "maps the voxels to no space"),
    "turned mask": Expected(_turned, ""),
    "mask a hundredth of a voxel off": Expected(_moved(0.01), ""),
    "mask elsewhere": Expected(_moved(40), "off its image"),
    "other shape": Expected(lambda c: _rewrite(c.mask, lambda v: v[:-1]), "differs from"),
    "no mask": Expected(lambda c: c.mask.unlink(), "has no mask"),
    "no image": Expected(lambda c: c.image.unlink(), "has no image"),
}


def _save(path: Path, change: Callable[[Image.Image], Image.Image], kind: str = "", **options: object) -> None:
    with Image.open(path) as image:
        image.load()
        changed = change(image)
    changed.save(path, kind or None, **options)


def _red(image: Image.Image) -> Image.Image:
    return Image.merge("RGB", (image, image.point(lambda value: value // 2), image))


def _page() -> Image.Image:
    return Image.new("L", (20, 20))


def _exif(case: Case) -> None:
    """Both turned by a quarter and marked so, as a camera does."""
    exif = Image.Exif()
    exif[0x0112] = 8
    for path in (case.image, case.mask):
        _save(path, lambda image: image.transpose(Image.Transpose.ROTATE_270), exif=exif, quality=100)


def _huge_png(case: Case) -> None:
    """A PNG header that declares 60000 × 60000 pixels."""
    content = bytearray(case.mask.read_bytes())
    struct.pack_into(">2I", content, 16, 60000, 60000)
    struct.pack_into(">I", content, 29, zlib.crc32(content[12:29]))
    case.mask.write_bytes(content)


PICTURES: dict[str, Expected] = {
    "grey image as RGB": Expected(lambda c: _save(c.image, lambda i: i.convert("RGB"), quality=100), ""),
    "grey mask as RGB": Expected(lambda c: _save(c.mask, lambda i: i.convert("RGB")), ""),
    "colour image": Expected(lambda c: _save(c.image, _red), "in colour"),
    "colour mask": Expected(lambda c: _save(c.mask, _red), "in colour"),
    "CMYK image": Expected(lambda c: _save(c.image, lambda i: i.convert("CMYK")), "mode CMYK"),
    "palette image": Expected(lambda c: _save(c.image, lambda i: i.convert("P"), "PNG"), ""),
    "mask with a palette of greys": Expected(lambda c: _save(c.mask, lambda i: i.convert("P")), ""),
    "16-bit mask": Expected(lambda c: _save(c.mask, lambda i: i.convert("I;16")), ""),
    "1-bit mask, whose values are 0 and 1": Expected(lambda c: _save(c.mask, lambda i: i.convert("1")), "labels outside"),
    "two pages": Expected(lambda c: _save(c.image, lambda i: i, "TIFF", save_all=True, append_images=[_page()]), "2 pages"),
    "mask with an opaque alpha": Expected(lambda c: _save(c.mask, lambda i: i.convert("LA")), ""),
    "anti-aliased mask": Expected(
        lambda c: _save(c.mask, lambda i: i.resize((i.width // 2, i.height // 2), 2).resize(i.size, 2)), "labels outside"
    ),
    "mask of 0 and 1": Expected(lambda c: _save(c.mask, lambda i: i.point(lambda v: v // 255)), "labels outside"),
    "truncated JPG": Expected(lambda c: _bytes(c.image, lambda b: b[:2000]), "not a readable image"),
    "truncated PNG": Expected(lambda c: _bytes(c.mask, lambda b: b[:200]), "not a readable image"),
    "a bit flipped in the PNG": Expected(lambda c: _bytes(c.mask, _flip_bit), "not a readable image"),
    "a GIF under another name": Expected(lambda c: _save(c.mask, lambda i: i, "GIF"), ""),
    "empty file": Expected(lambda c: c.image.write_bytes(b""), "not a readable image"),
    "text": Expected(lambda c: c.image.write_text("no image"), "not a readable image"),
    "huge dimensions": Expected(_huge_png, "60000"),
    "other size": Expected(lambda c: _save(c.mask, lambda i: i.resize((50, 50))), "differs"),
    "turned by EXIF": Expected(_exif, ""),
    "no mask": Expected(lambda c: c.mask.unlink(), "has no mask"),
    "no image": Expected(lambda c: c.image.unlink(), "has no image"),
}
NUMBER = 3  # the case that is damaged: one with a lesion
KINDS = {"acdc": (Acdc(), VOLUMES), "covid19": (Covid19(), PICTURES)}


def sound(dataset: str, root: Path) -> Path:
    """Generate what the faults are made in."""
    generate.obtain(dataset, 5, 0, root)
    return root


def answer(dataset: str, fault: str, whole: Path, root: Path) -> str:
    """Make the fault in one case of a copy of ``whole`` and read that case: "read right", "read wrong", or the line."""
    source, faults = KINDS[dataset]
    shutil.copytree(whole, root)
    case = source.cases(root)[NUMBER]
    before = source.read(case)
    faults[fault].damage(case)
    try:
        found = source.read(source.cases(root)[NUMBER])
    except CediceError as error:
        return str(error)
    close = found.image.shape == before.image.shape and np.abs(found.image - before.image).mean() < 2  # JPG is written anew
    return "read right" if close and np.array_equal(found.mask, before.mask) else "read wrong"


def main() -> None:
    refused = right = wrong = 0
    with tempfile.TemporaryDirectory() as scratch:
        for dataset, (_, faults) in KINDS.items():
            whole = sound(dataset, Path(scratch) / dataset)
            for number, (fault, expected) in enumerate(faults.items()):
                said = answer(dataset, fault, whole, Path(scratch) / f"{dataset}{number}").replace(scratch, "")
                as_expected = expected.refused in said if expected.refused else said == "read right"
                refused += as_expected and bool(expected.refused)
                right += as_expected and not expected.refused
                wrong += not as_expected
                print(f"{'' if as_expected else 'WRONG '}{dataset}: {fault}: {said}")
    print(f"{refused + right + wrong} damaged inputs: {right} read right, {refused} refused in one line, {wrong} wrong")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
