"""Single grey images (PNG, JPEG, TIFF), with a line for whatever is wrong with one."""

import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from cedice.errors import CediceError

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
PIXELS_LIMIT = 2**26  # 8192 × 8192
_GREY, _LABELS = ("L", "I;16", "I;16B"), ("1", "P")
_FORMATS = ("JPEG", "PNG", "TIFF")
# Of Pillow; TypeError for a TIFF that does not say how large it is.
_DAMAGE = (OSError, SyntaxError, TypeError, ValueError, EOFError, struct.error, zlib.error, Image.DecompressionBombError)


def read(path: Path, labels: bool = False) -> np.ndarray:
    """(H, W) uint8 or uint16, turned as its EXIF data say; three equal channels are one. With ``labels`` also an image of 1 bit
    (0 and 1), or with a palette (its numbers, not its colours).

    CediceError for a damaged or unreadable file, one of another kind, of several pages, and of more than `PIXELS_LIMIT` pixels.
    """
    try:
        with Image.open(path, formats=_FORMATS) as image:
            image.verify()  # a PNG's checksums, which decoding leaves out
        with Image.open(path, formats=_FORMATS) as image:
            if image.mode not in (*_GREY, "RGB", *(_LABELS if labels else ())):
                raise CediceError(f"{path}: mode {image.mode}, but an 8-bit or 16-bit grey image is needed; convert it")
            if image.width * image.height > PIXELS_LIMIT:
                raise CediceError(f"{path}: {image.width}×{image.height} pixels, more than the {PIXELS_LIMIT} that are read")
            if (pages := getattr(image, "n_frames", 1)) > 1:
                raise CediceError(
                    f"{path}: {pages} pages, but one slice an image is needed; save each as a file, or all as NIfTI"
                )
            pixels = np.asarray(ImageOps.exif_transpose(image))
    except _DAMAGE as error:
        raise CediceError(f"{path}: not a readable image ({error}); get it again") from error
    if pixels.ndim == 3:
        if (pixels != pixels[..., :1]).any():
            raise CediceError(f"{path}: mode RGB and in colour, but a grey image is needed; convert it")
        pixels = pixels[..., 0]
    return pixels if pixels.dtype == np.uint8 else pixels.astype(np.uint16)
