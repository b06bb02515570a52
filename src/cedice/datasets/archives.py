"""Getting a source's files: from CEDICE_ARCHIVES, else the network; only what is needed, checked before it is believed."""

import io
import os
import shutil
import sys
from collections.abc import Callable
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import IO, Any

import pooch
from tqdm import tqdm

from cedice.datasets import packed
from cedice.errors import CediceError
from cedice.files import replacing, sha256, tree_sha256

DOWNLOADS = Path(".cedice/downloads")  # kept, so that two studies and a second try need one download
TIMEOUT = 60  # seconds without a byte
TRIES = 2  # more, after a first that fails
MEMBER_LIMIT = 512 * 2**20  # bytes; the largest real member is under 2 MB


def obtain(source: ModuleType, destination: Path) -> dict[str, Any]:
    """Bring ``source`` to ``destination`` in its canonical layout and say what was obtained (names and hashes, no paths).

    Nothing is at ``destination`` until its contents have been verified. Raises CediceError.
    """
    origin, archive = "CEDICE_ARCHIVES", _local(source)
    if archive is None:
        origin, archive = source.URL, _download(source)
    try:
        with replacing(destination, folder=True) as new:
            if archive.is_dir():
                _copy_folder(source, archive, new)
            else:
                _unpack(source, archive, new)
            source.verify(new)
    except CediceError:
        if archive.parent == DOWNLOADS.absolute():
            archive.unlink()  # a page of HTML, say: the next try must ask the network again
        raise
    return {
        "origin": origin,
        "archive": archive.name,
        "archive_sha256": sha256(archive) if archive.is_file() else None,
        **describe(source, destination),
    }


def describe(source: ModuleType, root: Path) -> dict[str, Any]:
    """Counts, bytes and one hash of what lies under ``root``."""
    paths = [path for path in root.rglob("*") if path.is_file()]
    return {
        "source": source.NAME,
        "volumes": len(source.cases(root)),
        "files": len(paths),
        "bytes": sum(path.stat().st_size for path in paths),
        "sha256": tree_sha256(root),
    }


def _local(source: ModuleType) -> Path | None:
    folder = os.environ.get("CEDICE_ARCHIVES")
    if not folder:
        return None
    if not Path(folder).is_dir():
        raise CediceError(f"CEDICE_ARCHIVES: {folder} is not a folder; name the one that holds the archives")
    entries = sorted(Path(folder).iterdir())
    for pattern in source.ARCHIVES:
        for entry in entries:
            if fnmatch(entry.name.lower(), pattern):
                return entry
    return None


def _download(source: ModuleType) -> Path:
    name = source.ARCHIVES[0].replace("*", "")
    try:
        # No known hash: both servers pack on the fly; the contents are verified instead.
        downloader = pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), timeout=TIMEOUT)
        fetcher = pooch.create(DOWNLOADS, base_url="", registry={name: None}, urls={name: source.URL}, retry_if_failed=TRIES)
        return Path(fetcher.fetch(name, downloader=downloader))
    except (OSError, ValueError) as error:  # requests' errors are OSErrors
        raise CediceError(
            f"{source.NAME}: not in CEDICE_ARCHIVES and the network did not give it ({type(error).__name__}); "
            f"{source.ADVICE} into a folder and set CEDICE_ARCHIVES to it"
        ) from error


def _copy_folder(source: ModuleType, folder: Path, new: Path) -> None:
    # The folder itself may be the archive's top ("ACDC", "Dataset", "database"), so its name counts too.
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder).as_posix()
        name = source.canonical(inside) or source.canonical(f"{folder.name}/{inside}")
        if name and path.is_file():
            _store(partial(io.FileIO, path), path.stat().st_size, new / name, f"{folder.name}/{inside}")


def _unpack(source: ModuleType, archive: Path, new: Path) -> None:
    with packed.members(archive) as found:
        wanted = [(name, member) for member in found if (name := source.canonical(member.name))]
        for name, member in tqdm(wanted, desc=f"unpack {archive.name}", unit="file", disable=None):
            _store(member.open, member.size, new / name, f"{archive.name}: {member.name}")
    if not wanted:
        raise CediceError(f"{archive}: holds no file of {source.NAME}; is it another archive? {source.ADVICE}")


def _store(opener: Callable[[], IO[bytes]], size: int, target: Path, origin: str) -> None:
    if size > MEMBER_LIMIT:
        raise CediceError(f"{origin}: {size} bytes, more than the {MEMBER_LIMIT} that any real file has; refused")
    if target.exists():
        raise CediceError(f"{origin}: a second file for {target.name}; the archive is ambiguous")
    target.parent.mkdir(parents=True, exist_ok=True)
    with opener() as reader, target.open("wb") as writer:
        shutil.copyfileobj(reader, writer, 2**20)
