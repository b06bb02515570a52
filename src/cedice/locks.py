"""Who is at work: locks and scratch folders that the system frees when their process dies, however it dies."""

import fcntl
import os
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cedice.errors import CediceError

_PATIENCE = 1.0  # seconds until a line says what is waited for
_PAUSE = 0.02  # seconds between two tries
_SUFFIX = ".part"
_LOCK = "lock"  # in a scratch folder, beside what it holds
_CONTENT = "content"


@contextmanager
def locked(file: Path, who: str) -> Iterator[int]:
    """Hold the lock ``file``, alone on all machines that see it. A process that waits for longer than a second says for
    ``who``.

    The file is made where it is missing, and stays: who removed it would let two in. Gives its descriptor; a child process that
    gets it too (`pass_fds`) holds the lock as long as it lives. A process must not ask for a lock that it holds. Raises
    CediceError where the file system has no locks, OSError where the file cannot be made.
    """
    while True:
        descriptor = _open(file)
        try:
            _wait(descriptor, file)
            if _is(descriptor, file):
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, f"{who}, process {os.getpid()} on {socket.gethostname()}".encode(), 0)
                yield descriptor
                return
        finally:
            os.close(descriptor)


@contextmanager
def scratch(folder: Path, prefix: str) -> Iterator[Path]:
    """Give an empty folder, within ``folder`` and so on its disk, that is gone after the block. `clear` lets it be as long as
    this process lives."""
    while True:
        with tempfile.TemporaryDirectory(dir=folder, prefix=prefix, suffix=_SUFFIX) as name:
            try:
                descriptor = _open(Path(name) / _LOCK)
            except FileNotFoundError:  # another process cleared it before it had its lock
                continue
            try:
                if _is_mine(descriptor, Path(name), without_locks=True):
                    content = Path(name) / _CONTENT
                    content.mkdir()
                    yield content
                    return
            finally:
                os.close(descriptor)


def clear(folder: Path, prefix: str, rescue: Callable[[Path], None] = lambda _: None) -> None:
    """Remove the `scratch` folders whose process was killed; ``rescue`` is asked first with what it would have given."""
    for left in folder.glob(f"{prefix}*{_SUFFIX}"):
        try:
            descriptor = _open(left / _LOCK)
        except OSError:  # gone meanwhile, or another user's
            continue
        try:
            if _is_mine(descriptor, left, without_locks=False):
                if (left / _CONTENT).is_dir():
                    rescue(left / _CONTENT)
                shutil.rmtree(left)
        finally:
            os.close(descriptor)


def _open(file: Path) -> int:
    return os.open(file, os.O_RDWR | os.O_CREAT, 0o666)  # writable, as an exclusive lock on NFS needs it


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_mine(descriptor: int, scratch: Path, without_locks: bool) -> bool:
    """Whether this process is the one to use, or to remove, a scratch folder. Where the file system has no locks, each uses
    its own and nobody removes another's."""
    try:
        return _taken(descriptor) and _is(descriptor, scratch / _LOCK)
    except OSError:
        return without_locks


def _wait(descriptor: int, file: Path) -> None:
    until = time.monotonic() + _PATIENCE
    try:
        while not _taken(descriptor):
            if time.monotonic() > until:
                holder = os.pread(descriptor, 1000, 0).decode(errors="replace") or "another process"
                print(f"waiting for {file.parent}, where {holder} is at work", file=sys.stderr, flush=True)
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                return
            time.sleep(_PAUSE)
    except OSError as error:
        alone = "without which two processes would spoil each other's work"
        raise CediceError(f"{file}: no lock ({error.strerror}), {alone}; choose a folder on another disk") from error


def _is(descriptor: int, file: Path) -> bool:
    """Whether the file is still the opened one, and not removed or made anew before its lock was taken."""
    try:
        return os.path.samestat(os.fstat(descriptor), file.stat())
    except FileNotFoundError:
        return False
