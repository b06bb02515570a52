"""Single images (PNG, JPEG, TIFF, GIF), with a line for whatever is wrong with one."""

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from cedice.data import contents
from cedice.described import Channel
from cedice.errors import CediceError, within_memory

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".gif")
PIXELS_LIMIT = 2**26  # 8192 × 8192
_GREY = {"L": 255, "I;16": 65535, "I;16B": 65535}  # mode: what is white
_COLOUR = ("RGB", "P")
_TIFF = (b"II*\0", b"MM\0*")
_FORMATS = ("JPEG", "PNG", "TIFF", "GIF")
_BITS_PER_SAMPLE, _PHOTOMETRIC, _ORIENTATION = 258, 262, 274  # tags of TIFF and EXIF
_WHITE_IS_ZERO = 0  # a value of the second
# Of Pillow; TypeError for a TIFF that does not say how large it is.
_DAMAGE = (OSError, SyntaxError, TypeError, ValueError, EOFError, struct.error, zlib.error, Image.DecompressionBombError)


def read(path: Path, channel: Channel | None = None) -> np.ndarray:
    """(H, W) uint8 or uint16 of an image, turned as its EXIF data say: grey, or one channel of a colour image ("grey": its
    luminance). Three equal channels are one; an alpha channel must be opaque. Bright is always high, also in a TIFF whose 0 is
    white.

    CediceError for a damaged or unreadable file, one of another kind, of several pages, of more than `PIXELS_LIMIT` pixels, in
    colours of 16 bits, and in colour without a ``channel``.
    """
    with _opened(path) as image:
        wrong_way = _turned_over(image) != _white_is_zero(image)
        flat = _opaque(image, path)
        if flat.mode in _GREY:
            return _GREY[flat.mode] - _numbers(flat) if wrong_way else _numbers(flat)
        if flat.mode not in _COLOUR:
            raise CediceError(
                f"{path}: mode {image.mode}, but an image of 8-bit or 16-bit grey, or 8-bit colour, is needed; convert it"
            )
        colours = flat.convert("RGB")
        pixels = _numbers(colours)
        if (pixels == pixels[..., :1]).all():
            return pixels[..., 0]
        if channel is None:
            raise CediceError(
                f"{path}: in colour, but a grey image is needed; set `channel` (grey, red, green or blue) where its data set "
                "is described, or convert it"
            )
        return _numbers(colours.convert("L")) if channel == "grey" else pixels[..., ("red", "green", "blue").index(channel)]


def read_mask(path: Path) -> np.ndarray:
    """(H, W) uint8 or uint16 of a mask, turned as its EXIF data say: its numbers as they are stored, also those of 1, 2 or 4
    bits, of a TIFF whose 0 is white, and a palette's, not its colours (but of a GIF the greys, which it cannot store
    otherwise).

    Raises as `read` does, and for a mask in colour.
    """
    with _opened(path) as image:
        wrong_way = _turned_over(image)
        if image.mode == "1":
            return 1 - _numbers(image) if wrong_way else _numbers(image)
        if image.mode == "P":
            greys = _numbers(image.convert("RGB")) if image.format == "GIF" else None
            return _numbers(image) if greys is None or (greys != greys[..., :1]).any() else greys[..., 0]
        flat = _opaque(image, path)
        if flat.mode not in (*_GREY, "RGB"):
            raise CediceError(
                f"{path}: mode {image.mode}, but a mask of 8-bit or 16-bit grey, or with a palette, is needed; convert it"
            )
        pixels = _numbers(flat)
        if flat.mode == "RGB":
            if (pixels != pixels[..., :1]).any():
                raise CediceError(f"{path}: in colour, but a mask needs one number a pixel; save it as grey or with a palette")
            return pixels[..., 0]
        if wrong_way:
            pixels = _GREY[flat.mode] - pixels
        # Pillow spreads 2 and 4 bits over 0 to 255.
        return pixels // (255 // (2**bits - 1)) if (bits := _bits(image, path)) in (2, 4) else pixels


def kind(path: Path) -> str:
    """What the header says that the pixels are: Pillow's mode ("L", "I;16", "RGB", …); "" where it cannot be read."""
    try:
        with Image.open(path, formats=_FORMATS) as image:
            return image.mode
    except _DAMAGE:
        return ""


def turn(path: Path) -> int:
    """How its EXIF data say that an image is to be turned: 2 to 8, or 1 for as it is."""
    with _opened(path) as image:
        orientation = image.getexif().get(_ORIENTATION, 1)
    return orientation if orientation in range(2, 9) else 1


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    try:
        with within_memory(path):
            with path.open("rb") as file, Image.open(file, formats=_FORMATS) as image:
                image.verify()  # a PNG's checksums, which decoding leaves out
            # By file: what Pillow opens by path it maps into memory, and scrambles a plain TIFF that is turned by a quarter.
            with path.open("rb") as file, Image.open(file, formats=_FORMATS) as image:
                _check(image, path)
                yield image
    except _DAMAGE as error:
        if isinstance(error, OSError) and error.errno is not None:  # the disk's, not the file's
            raise CediceError(f"{path}: cannot be read ({error.strerror})") from error
        with path.open("rb") as file:
            first = file.read(contents.FIRST)
        told = contents.advice(first, "image")
        if not told and isinstance(error, UnidentifiedImageError):
            kept = "or stored in a way that is not read, as 16 bits whose 0 is white; save it anew, with 0 as black"
            told = f"it is damaged, {kept}" if first[:4] in _TIFF else "it is none that is known, or damaged; get it again"
        elif not told:
            told = f"{error}; get it again"
        raise CediceError(f"{path}: not a readable image: {told}") from error


def _check(image: Image.Image, path: Path) -> None:
    if image.width * image.height > PIXELS_LIMIT:
        raise CediceError(f"{path}: {image.width}×{image.height} pixels, more than the {PIXELS_LIMIT} that are read")
    if (pages := getattr(image, "n_frames", 1)) > 1:
        raise CediceError(f"{path}: {pages} pages, but one slice an image is needed; save each as a file, or all as NIfTI")
    if len(image.getbands()) > 1 and _bits(image, path) > 8:  # Pillow would keep half of them, and not say so
        raise CediceError(f"{path}: 16 bits a colour, which are not read; save it as 16-bit grey or 8-bit colour")


def _bits(image: Image.Image, path: Path) -> int:
    """Of one sample, as the file has it."""
    if image.format == "PNG":
        with path.open("rb") as file:
            return file.read(25)[24]  # signature, length and name of the first chunk, width, height, this
    return int(max(image.tag_v2.get(_BITS_PER_SAMPLE, (8,)))) if image.format == "TIFF" else 8  # type: ignore[attr-defined]


def _turned_over(image: Image.Image) -> bool:
    """Whether Pillow gives the complement of the stored numbers: so it reads a TIFF whose 0 is white, or that does not say, in
    8 bits and fewer, but not in 16. Before the image is loaded."""
    if image.format != "TIFF":
        return False
    raw_modes = [tile.args if isinstance(tile.args, str) else str(tile.args[0]) for tile in image.tile]  # type: ignore[attr-defined]
    return any("I" in mode.partition(";")[2] for mode in raw_modes)


def _white_is_zero(image: Image.Image) -> bool:
    return image.format == "TIFF" and image.tag_v2.get(_PHOTOMETRIC) == _WHITE_IS_ZERO  # type: ignore[attr-defined]


def _opaque(image: Image.Image, path: Path) -> Image.Image:
    """Without its alpha channel; CediceError where that hides something."""
    has_alpha = image.mode in ("LA", "RGBA", "PA")
    if has_alpha or "transparency" in image.info:
        deep = image.mode.startswith("I")  # of which Pillow gives no alpha
        alpha = None if deep else np.asarray((image if has_alpha else image.convert("RGBA")).getchannel("A"))
        if alpha is None or alpha.min() < 255:
            raise CediceError(f"{path}: transparent in parts, where it is not settled what they show; save it without")
    return image.convert({"LA": "L", "PA": "P"}.get(image.mode, "RGB")) if has_alpha else image


def _numbers(image: Image.Image) -> np.ndarray:
    pixels = np.asarray(ImageOps.exif_transpose(image))
    return pixels if pixels.dtype == np.uint8 else pixels.astype(np.uint16)
