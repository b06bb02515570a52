"""Writing files and folders so that a reader finds the old one or the whole new one, never a part."""

import errno
import hashlib
import io
import json
import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from cedice import locks
from cedice.errors import CediceError

# What NumPy and zipfile raise for a damaged .npz; from RuntimeError on for odd versions, names, headers and sizes.
_DAMAGE = (
    OSError,
    ValueError,
    KeyError,
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
    RuntimeError,
    struct.error,
    SyntaxError,
    MemoryError,
)
_SCRATCH = ".cedice-"


@contextmanager
def replacing(target: Path, folder: bool = False) -> Iterator[Path]:
    """Give a temporary path beside ``target``; take its place when the block ends well, leave nothing when it fails.

    Of two processes that do so at once the later one's is there in the end. What killed processes left goes first. A file gets
    the mode that the umask gives, whatever wrote it. ``folder=True`` gives an empty folder instead of the name of a file to
    write. Raises OSError as the file system does, and where a folder, which may hold anything, has the name of the file.
    """
    if target.is_dir() and not folder:
        raise IsADirectoryError(errno.EISDIR, "a folder has this name; move it away", str(target))
    target.parent.mkdir(parents=True, exist_ok=True)
    locks.clear(target.parent, _SCRATCH)
    with locks.scratch(target.parent, _SCRATCH) as scratch:
        new = scratch / "new" / target.name
        (new if folder else new.parent).mkdir(parents=True)
        yield new
        if not folder:
            _give_usual_mode(new, scratch / "mode")
        with locks.uninterrupted():
            if target.is_dir():  # a folder cannot be replaced in one step: the old one leaves first
                target.rename(scratch / "old")
            new.replace(target)


def _give_usual_mode(file: Path, example: Path) -> None:
    """Some libraries let nobody but the owner read what they write."""
    example.touch()
    usual = example.stat().st_mode
    if file.stat().st_mode != usual:  # disks without modes refuse to change one
        file.chmod(usual)


def write_text(target: Path, text: str) -> None:
    """Write UTF-8 ``text`` to ``target`` through `replacing`."""
    with replacing(target) as new:
        new.write_text(text, encoding="utf-8")


def write_json(target: Path, value: object) -> None:
    """Write ``value`` as indented JSON, keys in their given order, a line end last."""
    write_text(target, json.dumps(value, indent=2, allow_nan=False) + "\n")


def sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def md5(content: bytes) -> str:
    """DVC's hash of a file's content, in hexadecimal."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def save_figure(figure: Any, path: Path) -> None:
    """Write a matplotlib figure so that the same figure gives the same bytes: drawings as PNG of 256 colours, scans as JPEG
    (``path`` ends in .jpg), which is a sixth of their size.

    Text is drawn as it is, if the figure was made under `reporting.drawing.STYLE`: dollar signs make no formula, letters that
    the font lacks are boxes."""
    import matplotlib as mpl  # noqa: PLC0415  (most that write files draw nothing)
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from PIL import Image  # noqa: PLC0415

    figure.set_dpi(110)
    canvas = FigureCanvasAgg(figure)
    with warnings.catch_warnings(), mpl.rc_context({"text.parse_math": False}):
        warnings.filterwarnings("ignore", "Glyph", UserWarning)
        if layout := figure.get_layout_engine():  # once, where `savefig` would draw twice
            layout.execute(figure)
            figure.set_layout_engine("none")
        canvas.draw()
    colours = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    packed = io.BytesIO()  # Pillow takes no notice where a full disk takes a part of what it writes to a file
    if path.suffix == ".jpg":
        colours.save(packed, "JPEG", quality=80, subsampling=0, optimize=True)
    else:
        colours.quantize(256, dither=Image.Dither.NONE).save(packed, "PNG", optimize=True)
    with replacing(path) as new:
        new.write_bytes(packed.getvalue())


def write_arrays(target: Path, **arrays: np.ndarray) -> None:
    """Write named arrays as a compressed .npz through `replacing`; the same arrays give the same bytes."""
    with replacing(target) as new, new.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def write_csv(target: Path, table: Any, **options: Any) -> None:
    """Write a pandas table without its index, lines ended as on Unix, through `replacing`; ``options`` as of `to_csv`."""
    with replacing(target) as new:
        table.to_csv(new, index=False, lineterminator="\n", **options)


def read_array_if_there(path: Path, name: str) -> np.ndarray | None:
    """As `read_arrays`, of one array that an .npz may lack."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            return stored.get(name)
    except _DAMAGE as error:
        raise CediceError(f"{path}: not readable ({error}); run the stage that writes it again") from error


def read_arrays(path: Path, *names: str) -> list[np.ndarray]:
    """The named arrays of an .npz, never a pickle; CediceError where the file is damaged or lacks one."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            return [stored[name] for name in names]
    except FileNotFoundError:
        raise
    except _DAMAGE as error:
        raise CediceError(f"{path}: not readable ({error}); run the stage that writes it again") from error
