"""Getting a source's files: from CEDICE_ARCHIVES, else the network; only what is needed, checked before it is believed."""

import io
import os
import shutil
import sys
from collections.abc import Callable
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import IO, Any

import pooch
from tqdm import tqdm

from cedice.data import packed
from cedice.data.source import Part, Source
from cedice.data.walk import Tree, composed, is_shadow, tree_sha256, walk
from cedice.errors import CediceError, printable
from cedice.files import replacing, sha256

DOWNLOADS = Path(".cedice/downloads")  # kept, so that two studies and a second try need one download
TIMEOUT = 60  # seconds without a byte
_NAMED = 3  # files left out
TRIES = 2  # more, after a first that fails
MEMBER_LIMIT = 512 * 2**20  # bytes; the largest real member is under 2 MB


def obtain(source: Source, destination: Path, tell: Callable[[str], None] = print) -> dict[str, Any]:
    """Bring ``source`` to ``destination`` in its canonical layout and say what was obtained (names and hashes, no paths; of a
    source in several parts lists of them). ``tell`` is given a line for what of a person's own files is left out.

    Nothing is at ``destination`` until its contents have been verified. Raises CediceError.
    """
    located = locate(source)
    try:
        with replacing(destination, folder=True) as new:
            for remark in unpack(source, located, new):
                tell(f"{source.name}: {remark}")
            source.verify(new)
    except CediceError:
        for _, archive in located:
            if archive.parent == DOWNLOADS.absolute():
                archive.unlink()  # a page of HTML, say: the next try must ask the network again
        raise
    hashes = [sha256(archive) if archive.is_file() else None for _, archive in located]
    return {
        "origin": _single(list(dict.fromkeys(origin for origin, _ in located))),
        "archive": _single([archive.name for _, archive in located]),
        "archive_sha256": _single(hashes),
        **describe(source, destination),
    }


def _single(values: list) -> Any:
    return values[0] if len(values) == 1 else values


def describe(source: Source, root: Path) -> dict[str, Any]:
    """Counts, bytes and one hash of what lies under ``root``."""
    paths = list(walk(root).files.values())
    return {
        "source": source.name,
        "volumes": len(source.cases(root)),
        "files": len(paths),
        "bytes": sum(path.stat().st_size for path in paths),
        "sha256": tree_sha256(root),
    }


def locate(source: Source) -> list[tuple[str, Path]]:
    """(where from, the archive, folder or file) of every part; from the network where it must be. CediceError for one that is
    nowhere."""
    return [_find(source, part) for part in source.parts]


def unpack(source: Source, located: list[tuple[str, Path]], folder: Path) -> list[str]:
    """Put what ``source`` needs of the ``located`` parts into ``folder``, in its canonical layout; lines on what of a person's
    own files, and after an archive's end, is left out. Raises CediceError."""
    remarks = []
    for part, (_, archive) in zip(source.parts, located, strict=True):
        tree, remark = _take(source, part, archive, folder)
        if remark:
            remarks.append(f"{archive.name}: {remark}")
        if part.path:  # of a published archive, what it holds besides is known
            remarks += left_out(source, tree)
    return remarks


def left_out(source: Source, tree: Tree) -> list[str]:
    """Lines on what of a person's own files is left out: those that are neither image nor mask, and folders linked again."""
    lines = []
    if others := [name for name in tree.files if not source.canonical(name)]:
        fit = "1 file fits" if len(others) == 1 else f"{len(others)} files fit"
        lines.append(f"{fit} neither pattern (for example: {_first(others)})")
    if again := tree.repeated:
        lead = "1 link leads to a folder" if len(again) == 1 else f"{len(again)} links lead to folders"
        lines.append(f"{lead} read already (for example: {_first(again)})")
    return lines


def _first(names: list[str]) -> str:
    return ", ".join(printable(name) for name in names[:_NAMED]) + (", …" if len(names) > _NAMED else "")


def _find(source: Source, part: Part) -> tuple[str, Path]:
    if part.path:
        path = _from_checkout(part.path)
        if not path.exists():
            raise CediceError(f"{source.name}: {path} is not there; correct datasets.{source.name}.path in params.yaml")
        return "params.yaml", path
    local = _local(part)
    return ("CEDICE_ARCHIVES", local) if local else (part.url, _download(source, part))


def _local(part: Part) -> Path | None:
    folder = os.environ.get("CEDICE_ARCHIVES")
    if not folder:
        return None
    place = _from_checkout(Path(folder))
    if not place.is_dir():
        raise CediceError(f"CEDICE_ARCHIVES: {place} is not a folder; name the one that holds the archives")
    entries = sorted(place.iterdir())
    for pattern in part.names:
        for entry in entries:
            if fnmatch(entry.name.lower(), pattern):
                return entry
    return None


def _from_checkout(path: Path) -> Path:
    """A relative path is from the checkout, also where DVC's queue runs a stage: in a copy of the checkout within its `.dvc`,
    which lacks what Git does not hold."""
    if path.exists():
        return path
    checkout = next((folder.parent for folder in Path.cwd().parents if folder.name == ".dvc"), Path())
    return checkout / path


def _download(source: Source, part: Part) -> Path:
    name = part.names[0].replace("*", "")
    try:
        # A hash that is known is asked for later: some servers pack on the fly, and the contents are verified instead.
        downloader = pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), timeout=TIMEOUT)
        fetcher = pooch.create(DOWNLOADS, base_url="", registry={name: None}, urls={name: part.url}, retry_if_failed=TRIES)
        return Path(fetcher.fetch(name, downloader=downloader))
    except (OSError, ValueError) as error:  # requests' errors are OSErrors
        raise CediceError(
            f"{source.name}: {name} is not in CEDICE_ARCHIVES and the network did not give it ({type(error).__name__}); "
            f"{source.advice} into a folder and set CEDICE_ARCHIVES to it"
        ) from error


def _take(source: Source, part: Part, archive: Path, new: Path) -> tuple[Tree, str]:
    """Put what is needed of a part into ``new``; all that it holds, and "" or a line on the archive."""
    if archive.is_dir():
        return _copy_folder(source, part, archive, new), ""
    if name := source.canonical(archive.name):  # no archive, but the very file
        _store(partial(io.FileIO, archive), archive.stat().st_size, new / name, archive.name)
        return Tree({archive.name: archive}), ""
    return _unpack(source, archive, new)


def _copy_folder(source: Source, part: Part, folder: Path, new: Path) -> Tree:
    if part.path:
        source.verify(folder)  # links that lead nowhere, say, are lost in the copy
    tree = walk(folder)
    for inside, path in tree.files.items():
        name = source.canonical(inside)
        if not name and not part.path:  # the folder may be a published archive's top ("ACDC", "Dataset", "database")
            name = source.canonical(f"{folder.name}/{inside}")
        if name:
            _store(partial(io.FileIO, path), path.stat().st_size, new / name, f"{folder.name}/{inside}")
    return tree


def _unpack(source: Source, archive: Path, new: Path) -> tuple[Tree, str]:
    with packed.members(archive) as (everything, remark):
        members = [(composed(member.name), member) for member in everything if not is_shadow(member.name)]
        wanted = [(name, member) for inside, member in members if (name := source.canonical(inside))]
        for name, member in tqdm(wanted, desc=f"unpack {archive.name}", unit="file", disable=None):
            _store(member.open, member.size, new / name, f"{archive.name}: {member.name}")
    if not wanted:
        raise CediceError(f"{archive}: holds no file of {source.name}; is it another archive? {source.advice}")
    return Tree(dict.fromkeys(sorted(inside for inside, _ in members), archive)), remark


def _store(opener: Callable[[], IO[bytes]], size: int, target: Path, origin: str) -> None:
    if size > MEMBER_LIMIT:
        raise CediceError(f"{origin}: {size} bytes, more than the {MEMBER_LIMIT} that any real file has; refused")
    if target.exists():
        raise CediceError(f"{origin}: a second file for {target.name}; the archive is ambiguous")
    target.parent.mkdir(parents=True, exist_ok=True)
    with opener() as reader, target.open("wb") as writer:
        shutil.copyfileobj(reader, writer, 2**20)
