"""One study's part of `dvc.lock`, alone while DVC works on that study.

For every stage DVC reads and writes the whole file, with a parser that keeps layout: seconds a stage once there are many
trainings. What is set aside lies in `.cedice/dvc.lock` meanwhile. It comes back at the end, and after a crash before the next
such work.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cedice.files import write_text

_ASIDE = Path(".cedice/dvc.lock")
_START = "stages:\n"
_ENTRY = re.compile(r"^(?=  \S)", re.MULTILINE)


@contextmanager
def alone(study: str, root: Path = Path()) -> Iterator[None]:
    """Within, the dvc.lock of the project at ``root`` has the stages of ``study`` alone."""
    lock, aside = root / "dvc.lock", root / _ASIDE
    _put_back(lock, aside)
    if lock.is_file():
        whole = lock.read_text(encoding="utf-8")
        aside.parent.mkdir(exist_ok=True)
        write_text(aside, whole)
        write_text(lock, part(whole, study))
    try:
        yield
    finally:
        _put_back(lock, aside)


def part(text: str, study: str) -> str:
    """Of the ``text`` of a dvc.lock: the stages of ``study``, and those that are of none by their name."""
    head, entries = _entries(text)
    kept = (entry for name, entry in entries.items() if "@" not in name or re.search(rf"@{study}(-|$)", name))
    return head + "".join(kept)


def _put_back(lock: Path, aside: Path) -> None:
    """What was set aside where it was; what DVC wrote meanwhile stays."""
    if not aside.is_file():
        return
    head, entries = _entries(aside.read_text(encoding="utf-8"))
    now = _entries(lock.read_text(encoding="utf-8"))[1] if lock.is_file() else {}
    write_text(lock, head + "".join((entries | now).values()))
    aside.unlink()


def _entries(text: str) -> tuple[str, dict[str, str]]:
    """What comes before the stages, and the lines of each by its name."""
    head, start, rest = text.partition(_START)
    entries = {entry.partition(":\n")[0].strip(): entry for entry in _ENTRY.split(rest) if entry}
    return head + start, entries
