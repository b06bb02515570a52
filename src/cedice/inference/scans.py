"""Which files are to be labelled."""

import os
import unicodedata
from pathlib import Path

from cedice.data import reading
from cedice.errors import CediceError

# How results and masks are named: nobody means these when a whole folder is given.
_NO_SCANS = ("_labels", "_preview", "_probabilities", "_gt")


def find(given: list[Path]) -> tuple[list[Path], list[Path]]:
    """(The scans among files and folders, a folder's sorted by name; what was left out of folders as a result or a mask.)

    A file that is given twice is taken once. CediceError for one that is no scan, a folder without any, and two whose results
    would have one name.
    """
    scans: dict[str, Path] = {}  # by where they really are
    left_out = []
    for path in given:
        if path.is_dir():
            files = sorted(file for file in path.iterdir() if reading.is_scan(file) and not file.name.startswith("."))
            inside = [file for file in files if not reading.scan_name(file).endswith(_NO_SCANS)]
            if not inside:
                but = f" but results or masks, as {files[0].name}" if files else ""
                raise CediceError(f"{path}: no scan in this folder{but} ({reading.KINDS})")
            left_out += [file for file in files if file not in inside]
        elif not os.path.lexists(path):  # a link that leads nowhere is that one scan's trouble
            raise CediceError(f"{path}: no such file")
        elif not reading.is_scan(path):
            raise CediceError(f"{path}: no scan that can be read ({reading.KINDS})")
        else:
            inside = [path]
        for file in inside:
            scans.setdefault(os.path.realpath(file), file)
    _check_names(list(scans.values()))
    return list(scans.values()), left_out


def _check_names(paths: list[Path]) -> None:
    names: dict[str, Path] = {}
    for path in paths:
        name = reading.scan_name(path)
        if (other := names.setdefault(unicodedata.normalize("NFC", name), path)) is not path:
            mend = "label them into different folders, or rename one"
            raise CediceError(f"{other} and {path}: the results of both would be named {name}_…; {mend}")
