"""Who is at work: locks and scratch folders that the system frees when their process dies, however it dies; and signals that
wait where a step must be whole."""

import fcntl
import os
import platform
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
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
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o666)  # to be written to, as NFS needs for a lock
        try:
            _wait(descriptor, file)
            if _is(descriptor, file):
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, f"{who}, process {os.getpid()} on {platform.node()}".encode(), 0)
                yield descriptor
                return
        finally:
            os.close(descriptor)


@contextmanager
def scratch(folder: Path, prefix: str) -> Iterator[Path]:
    """Give an empty folder, within ``folder`` and so on its disk, that is gone after the block, however that ends. `clear` lets
    it be as long as this process lives."""
    made: list[tuple[Path, int]] = []
    try:
        with uninterrupted():
            while not made:  # again where another process cleared it before it was locked
                own = Path(tempfile.mkdtemp(dir=folder, prefix=prefix, suffix=_SUFFIX))
                if (descriptor := _claim(own, without_locks=True, flags=os.O_CREAT)) is not None:
                    made.append((own, descriptor))
            (own / _CONTENT).mkdir()
        yield own / _CONTENT
    finally:
        with uninterrupted():
            for own, descriptor in made:
                _remove(own)
                os.close(descriptor)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Ctrl-C and SIGTERM wait for the end of the block. (They come to the main thread; any other is never interrupted.)"""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda number, _: held.append(number)) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if held:
            signal.raise_signal(held[0])


def clear(folder: Path, prefix: str, rescue: Callable[[Path], None] = lambda _: None) -> None:
    """Remove the `scratch` folders whose process was killed; ``rescue`` is asked first with what it would have given."""
    for left in folder.glob(f"{prefix}*{_SUFFIX}"):
        if not os.path.exists(left / _LOCK):  # noqa: PTH110  (not locked yet, or nearly removed, and empty; or another user's)
            with suppress(OSError):
                left.rmdir()
        elif (descriptor := _claim(left, without_locks=False)) is not None:
            try:
                if (left / _CONTENT).is_dir():
                    rescue(left / _CONTENT)
                _remove(left)
            finally:
                os.close(descriptor)


def _claim(scratch: Path, without_locks: bool, flags: int = 0) -> int | None:
    """The descriptor by which a scratch folder is this process's alone, to use or to remove; None where it is another's, or
    gone. Where the file system has no locks, each uses its own and nobody removes another's."""
    try:
        descriptor = os.open(scratch / _LOCK, os.O_RDWR | flags, 0o666)
    except FileNotFoundError:
        return None
    try:
        mine = _taken(descriptor) and _is(descriptor, scratch / _LOCK)
    except OSError:
        mine = without_locks
    if not mine:
        os.close(descriptor)
    return descriptor if mine else None


def _remove(scratch: Path) -> None:
    """The lock last: a folder without it is empty, and so nobody's."""
    shutil.rmtree(scratch / _CONTENT, ignore_errors=True)
    (scratch / _LOCK).unlink(missing_ok=True)
    with suppress(FileNotFoundError):
        scratch.rmdir()


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


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
