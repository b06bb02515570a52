"""The files of a folder, as the check, the download and the hash of a tree alike see them.

Names are relative, with / between folders, in Unicode's composed form (NFC: macOS writes the other). Linked folders are
followed, but no folder is read twice. What systems put beside people's files is left out.
"""

import hashlib
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

from cedice.files import sha256

_SHADOWS = {
    ".ds_store", ".localized", "__macosx", ".appledouble", ".spotlight-v100", ".trashes", ".fseventsd",  # macOS
    "thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "system volume information",  # Windows
    "@eadir", "lost+found", ".directory", ".git", ".gitignore", ".gitkeep", ".gitattributes", ".svn", ".hg", ".dvc",
    ".dvcignore", ".ipynb_checkpoints", "__pycache__",
}  # fmt: skip
_SHADOW_STARTS = ("._", "~$", ".trash-", ".nfs")


@dataclass
class Tree:
    """``files``: where the file of each name lies, sorted. ``dangling``: links that lead nowhere, with what they name.
    ``clashes``: pairs of files whose names differ in their Unicode form alone. ``repeated``: links to folders read already."""

    files: dict[str, Path] = field(default_factory=dict)
    dangling: dict[str, str] = field(default_factory=dict)
    clashes: list[tuple[str, str]] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)


def walk(root: Path) -> Tree:
    """All files below ``root``; OSError for a folder that cannot be read."""
    tree = Tree()
    read = {_identity(folder) for folder in (root.resolve(), *root.resolve().parents)}
    links = _folder(root, "", tree, read)
    while links:  # the folders themselves come first, so that a file has the shorter of its names
        link, name = links.pop(0)
        if _identity(link) in read:
            tree.repeated.append(name)
        else:
            read.add(_identity(link))
            links += _folder(link, f"{name}/", tree, read)
    tree.files = {name: tree.files[name] for name in sorted(tree.files, key=lambda name: name.split("/"))}
    return tree


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _folder(folder: Path, prefix: str, tree: Tree, read: set[tuple[int, int]]) -> list[tuple[Path, str]]:
    """Take in the files of ``folder`` and the folders in it; the linked folders, with their names."""
    links = []
    for path in sorted(folder.iterdir()):
        name = f"{prefix}{composed(path.name)}"
        if is_shadow(path.name):
            continue
        if path.is_dir():
            if path.is_symlink():
                links.append((path, name))
            else:
                read.add(_identity(path))
                links += _folder(path, f"{name}/", tree, read)
        elif path.is_file():
            if name in tree.files:
                tree.clashes.append((str(tree.files[name]), str(path)))
            tree.files[name] = path
        elif path.is_symlink():
            tree.dangling[name] = str(path.readlink())
    return links


def is_shadow(name: str) -> bool:
    """Whether a path is, or lies in, what a system puts beside people's files."""
    parts = [part.casefold() for part in name.split("/")]
    return any(part in _SHADOWS or part.startswith(_SHADOW_STARTS) for part in parts)


def composed(name: str) -> str:
    """A name in the form in which names are compared."""
    return unicodedata.normalize("NFC", name)


def is_text(name: str) -> bool:
    """Whether a name's bytes are UTF-8, so that tables can hold it."""
    return not any(0xD800 <= ord(letter) <= 0xDFFF for letter in name)


def tree_sha256(folder: Path) -> str:
    """One SHA-256 for a folder: of the sorted lines "relative path, SHA-256 of the file"."""
    lines = (f"{name} {sha256(path)}\n" for name, path in walk(folder).files.items())
    return hashlib.sha256("".join(lines).encode()).hexdigest()
