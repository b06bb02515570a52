"""What a dvc.lock says of files and folders, held against what is there."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from cedice.errors import CediceError
from cedice.files import md5, write_text

Entries = dict[str, dict[str, Any]]  # by stage: cmd, deps, params, outs


def read(path: Path) -> Entries:
    """The stages of a dvc.lock; CediceError where it is not readable."""
    try:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the first parses it in a tenth of the time
        return yaml.load(path.read_text(encoding="utf-8"), loader)["stages"]  # noqa: S506  (both are safe)
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise CediceError(f"{path}: not a lock of DVC ({error}); get it from Git") from error


def write(path: Path, entries: Entries) -> None:
    """A dvc.lock of these stages, through `cedice.files.replacing`."""
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    write_text(path, yaml.dump({"schema": "2.0", "stages": entries}, Dumper=dumper, sort_keys=False))


def folder_md5(folder: Path) -> str:
    """DVC's hash of the files in a folder."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return listed_md5(names, lambda name: (folder / name).read_bytes())


def listed_md5(names: list[str], content: Callable[[str], bytes]) -> str:
    """DVC's hash of a folder with these files: that of their names and hashes as JSON, in the order of the names' parts."""
    entries = [{"md5": md5(content(name)), "relpath": name} for name in sorted(names, key=lambda name: name.split("/"))]
    return md5(json.dumps(entries, sort_keys=True).encode()) + ".dir"


def file_md5(path: Path) -> str | None:
    """DVC's hash of a file or folder; None where there is neither."""
    if path.is_dir():
        return folder_md5(path)
    return md5(path.read_bytes()) if path.is_file() else None
