"""NIfTI files in and out, with a line for whatever is wrong with one."""

import gzip
import logging
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO

import nibabel
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.orientations import (
    OrientationError,
    apply_orientation,
    axcodes2ornt,
    inv_ornt_aff,
    io_orientation,
    ornt_transform,
)
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError

from cedice.data import contents, place, trailing
from cedice.errors import CediceError, within_memory

logging.getLogger("nibabel.global").setLevel(logging.CRITICAL)  # what it would say of a header, the one line says
VOXELS_LIMIT = 2**29  # 512 × 512 × 2048
_DAMAGE = (OSError, EOFError, ValueError, KeyError, OverflowError, zlib.error, ImageFileError, HeaderDataError, WrapStructError)
_NIFTI2 = ((540).to_bytes(4, "little"), (540).to_bytes(4, "big"))  # how such a header starts
_GZIP = b"\x1f\x8b"
_NO_TURN = np.array([[0, 1], [1, 1], [2, 1]])  # of nibabel: each axis as it is
_PLACE = (  # of a header: all that says where voxels lie
    *("pixdim", "xyzt_units", "qform_code", "sform_code", "srow_x", "srow_y", "srow_z"),
    *("quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y", "qoffset_z"),
)
_TRAILING_LIMIT = 2**20  # bytes that may follow the voxels


@dataclass(frozen=True)
class NiftiVolume(place.Place):
    """``voxels`` in the file's own axis order and type (x, y, z), and where they lie; ``remark``: "" or a line on the file."""

    voxels: np.ndarray
    remark: str

    @property
    def cut(self) -> int:
        """The axis along which it is cut into slices."""
        return place.slicing_axis(self.voxels.shape, self.spacing)


def read(path: Path) -> NiftiVolume:
    """A 3-D volume (NIfTI-1 or NIfTI-2, gzipped or not, whatever its name); a 2-D slice is one of a single plane, and further
    axes of length 1 are left out. Voxels of 8 or 16 bits with a slope or intercept are float32.

    Raises CediceError for a damaged or unreadable file, one of more axes, an empty axis, voxels that are a mere line, more than
    `VOXELS_LIMIT` of them (before they are read), voxels that are no real numbers, or NaN or infinite (as float32), an affine
    that maps to no space, and too little memory.
    """
    with _opened(path) as (image, zipped):
        _check_header(image, path)
        stored, remark = image.dataobj, ""
        if zipped is not None:  # nibabel stops at the last voxel, before the checksum
            content, remark = _unzipped(image, zipped, path)
            stored = type(image).from_bytes(content).dataobj
        volume = NiftiVolume(**vars(place.of(image.header)), voxels=_voxels(stored).reshape(_three(image.shape)), remark=remark)
        _check_finite(volume, path)
        return volume


@contextmanager
def _opened(path: Path) -> Iterator[tuple[nibabel.Nifti1Image, gzip.GzipFile | None]]:
    """The image of a file, and the file unzipped if it is zipped; CediceError for whatever is wrong while the block lasts."""
    first = zipped = None
    try:
        with ExitStack() as files, within_memory(path):
            file: IO[bytes] | gzip.GzipFile = files.enter_context(path.open("rb"))
            first = file.read(contents.FIRST)
            file.seek(0)
            if first[:2] == _GZIP:
                file = zipped = files.enter_context(gzip.open(file))
                first = None  # from here on: of what is in it
                first = zipped.peek(contents.FIRST)[: contents.FIRST]  # `read` would look beyond the end of a small file
            kind = nibabel.Nifti2Image if first[:4] in _NIFTI2 else nibabel.Nifti1Image
            yield kind.from_stream(file), zipped
    except _DAMAGE as error:
        if isinstance(error, OSError) and error.errno is not None:  # the disk's, not the file's
            raise CediceError(f"{path}: cannot be read ({error.strerror})") from error
        told = "" if first is None else contents.advice(first, "volume")
        if zipped is not None and first is not None and first[:2] == _GZIP:
            told = "it is compressed by gzip twice; unpack it once"
        if told:
            raise CediceError(f"{path}: not a readable NIfTI file: {told}") from error
        if isinstance(error, EOFError) or "Expected" in str(error) or "mmap" in str(error):
            raise CediceError(f"{path}: not a readable NIfTI file: it ends too soon; copy or download it again") from error
        raise CediceError(f"{path}: not a readable NIfTI file ({' '.join(str(error).split())}); get it again") from error


def _voxels(stored: nibabel.arrayproxy.ArrayProxy) -> np.ndarray:
    """Scaled as the header says: numbers of 8 or 16 bits to float32, which holds them all, at half of nibabel's memory."""
    if stored.dtype.itemsize > 2 or (stored.slope, stored.inter) == (1, 0):
        return np.asanyarray(stored)
    with np.errstate(over="ignore"):
        voxels = stored.get_unscaled().astype(np.float32)
        voxels *= stored.slope
        voxels += stored.inter
    return voxels


def _check_finite(volume: NiftiVolume, path: Path) -> None:
    """Slice by slice, for memory's sake; what float32 cannot hold is infinite to everything that follows."""
    if volume.voxels.dtype.kind != "f":
        return
    slices = np.moveaxis(volume.voxels, volume.cut, 0)
    with np.errstate(over="ignore"):
        bad = [int(np.count_nonzero(~np.isfinite(plane.astype(np.float32)))) for plane in slices]
    if total := sum(bad):
        first = next(number for number, count in enumerate(bad) if count)
        raise CediceError(f"{path}: {total} voxels are NaN or infinite, the first in slice {first}; repair the file")


def _three(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (*shape, 1) if len(shape) == 2 else shape[:3] if set(shape[3:]) == {1} else shape


def _check_header(image: nibabel.Nifti1Image, path: Path) -> None:
    shape, kind = image.shape, image.get_data_dtype()
    if len(_three(shape)) != 3:
        raise CediceError(f"{path}: {len(shape)}-D {shape}, but one volume or slice a file is needed; split the series first")
    if min(shape) < 1:
        raise CediceError(f"{path}: empty volume {shape}; get it again")
    if _three(shape).count(1) > 1:
        raise CediceError(f"{path}: a line of voxels {shape}, but a slice is needed; get it again")
    if prod(shape) > VOXELS_LIMIT:
        raise CediceError(f"{path}: declares {shape} voxels, more than the {VOXELS_LIMIT} that are read; get it again")
    if kind.kind not in "iuf":
        raise CediceError(f"{path}: voxels of type {kind}, but one real number each is needed; convert it")
    if not place.sound(image.affine):
        raise CediceError(f"{path}: its affine maps the voxels to no space; repair the header")


def _unzipped(image: nibabel.Nifti1Image, file: gzip.GzipFile, path: Path) -> tuple[bytes, str]:
    """The file's content; "" or a line on what follows it."""
    size = int(image.dataobj.offset) + prod(image.shape) * image.get_data_dtype().itemsize
    file.seek(0)
    content = file.read(size)
    follows, remark = trailing.read(file.read, _TRAILING_LIMIT)  # and so to the checksum
    if follows == _TRAILING_LIMIT:
        raise CediceError(f"{path}: goes on after the {size} bytes that its header declares; get it again")
    return content, remark


def sliced(voxels: np.ndarray, cut: int) -> np.ndarray:
    """Voxels (x, y, z) as slices (slices, height, width) along the axis ``cut``: of the other two the first is the width."""
    return np.moveaxis(voxels, cut, 2).transpose(2, 1, 0)


def stacked(slices: np.ndarray, cut: int) -> np.ndarray:
    """The inverse of `sliced`; of (slices, height, width, c) too, as (x, y, z, c)."""
    return np.moveaxis(slices.swapaxes(0, 2), 2, cut)


def turn(voxels: np.ndarray, from_axes: str, to_axes: str) -> np.ndarray:
    """Voxels (x, y, z), or (x, y, z, c), whose axes point to ``from_axes`` ("LPS"), with axes that point to ``to_axes``; as
    they are where either is not known ("")."""
    if not from_axes or not to_axes or from_axes == to_axes:
        return voxels
    return apply_orientation(voxels, ornt_transform(axcodes2ornt(from_axes), axcodes2ornt(to_axes)))


def turn_sizes(sizes: tuple[float, float, float], from_axes: str, to_axes: str) -> tuple[float, float, float]:
    """The voxel's edges (x, y, z) after `turn`."""
    if not from_axes or not to_axes:
        return sizes
    onto = ornt_transform(axcodes2ornt(from_axes), axcodes2ornt(to_axes))[:, 0].astype(int).tolist()
    x, y, z = (sizes[onto.index(axis)] for axis in range(3))
    return x, y, z


def onto(mask: NiftiVolume, image: NiftiVolume, path: Path) -> np.ndarray:
    """The mask's voxels in the image's axis order and directions, where both lie in the same place; CediceError, naming the
    ``path`` of the mask, where they do not to within half a voxel (a shape that differs is left to the caller)."""
    shape = image.voxels.shape
    if mask.voxels.shape == shape and any(_apart(ours, theirs, shape) <= 0.5 for ours in mask.forms for theirs in image.forms):
        return mask.voxels
    try:
        turned = io_orientation(np.linalg.inv(image.affine) @ mask.affine)
        voxels = apply_orientation(mask.voxels, turned)
    except (ValueError, OrientationError) as error:
        raise CediceError(f"{path}: its axes cannot be matched with its image's ({error}); repair the header") from error
    if bool(mask.axes) != bool(image.axes) and not np.array_equal(turned, _NO_TURN):
        lacking, stating = ("the mask", "image") if image.axes else ("its image", "mask")
        raise CediceError(
            f"{path}: the header of {lacking} states no orientation, so it may be mirrored; copy the {stating}'s affine into "
            f"the {'mask' if image.axes else 'image'} if they match voxel for voxel"
        )
    affine = mask.affine @ inv_ornt_aff(turned, mask.voxels.shape)
    if voxels.shape == shape and (apart := _apart(affine, image.affine, shape)) > 0.5:
        lost = not mask.axes or not image.axes or np.array_equal(np.abs(mask.affine[:3, :3]), np.eye(3))
        advice = (
            "one of them has lost its place; copy the image's affine into the mask if they match voxel for voxel"
            if lost
            else "resample the mask onto the image, or copy the image's affine into it if they match voxel for voxel"
        )
        raise CediceError(f"{path}: lies up to {apart:.3g} voxels off its image, by their headers: {advice}")
    return voxels


def _apart(one: np.ndarray, other: np.ndarray, shape: tuple[int, ...]) -> float:
    """How far apart two affines put a corner of the volume, in the shortest edges of the other's voxels."""
    corners = np.array(np.meshgrid(*[(0, size - 1) for size in shape], [1], indexing="ij")).reshape(4, -1)
    return float(np.abs((one - other) @ corners)[:3].max() / np.linalg.norm(other[:3, :3], axis=0).min())


def write(path: Path, voxels: np.ndarray, spacing: tuple[float, float, float]) -> None:
    """Write (x, y, z) voxels as .nii.gz with ``spacing`` in mm; the same input gives the same bytes."""
    image = nibabel.Nifti1Image(voxels, np.diag([*spacing, 1.0]))
    image.header.set_xyzt_units("mm")
    image.to_filename(path)


def write_onto(path: Path, voxels: np.ndarray, like: Path) -> None:
    """Write (x, y, z) voxels, or (x, y, z, c), as .nii.gz in the place of another volume: of its header the affine, voxel size,
    orientation and units, and nothing else, for a patient's name may stand in any text or extension of it. The same input gives
    the same bytes."""
    with _opened(like) as (scan, _):
        kind, stored = type(scan), scan.header
    header = kind.header_class()
    for field in _PLACE:
        header[field] = stored[field]
    if len(stored.get_data_shape()) == 2 and voxels.ndim == 3:
        voxels = voxels[:, :, 0]
    image = kind(voxels, None, header)  # None: what the header says of the place stays as it is
    image.set_data_dtype(voxels.dtype)
    image.to_filename(path)
