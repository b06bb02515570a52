"""Writing files and folders so that a reader finds the old one or the whole new one, never a part."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(target: Path, folder: bool = False) -> Iterator[Path]:
    """Give a temporary path beside ``target``; take its place when the block ends well, leave nothing when it fails.

    ``folder=True`` gives an empty folder instead of the name of a file to write. Raises OSError as the file system does.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.", suffix=".part") as scratch:
        new = Path(scratch) / target.name
        if folder:
            new.mkdir()
        yield new
        if target.is_dir():  # a folder cannot be replaced in one step: the old one leaves first
            target.rename(Path(scratch) / "old")
        new.replace(target)


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


def tree_sha256(folder: Path) -> str:
    """One SHA-256 for a folder: of the sorted lines "relative path, SHA-256 of the file"."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = (f"{path.relative_to(folder).as_posix()} {sha256(path)}\n" for path in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def remove(path: Path) -> None:
    """Remove a file or folder that may not exist."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
