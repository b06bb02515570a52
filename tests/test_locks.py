"""Locks and scratch folders of processes that live, wait and are killed."""

import itertools
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType

import pytest

from cedice import locks
from cedice.locks import clear, locked, scratch

# Each says "there" once it is so far, and stays until it is killed or its input ends.
HOLD = "import sys; from pathlib import Path; from cedice.locks import {0}\nwith {0}(Path({1!r}), {2!r}) as given:\n"
STAY = "    (given / 'kept').touch() if isinstance(given, Path) else None; print('there', flush=True); sys.stdin.read()"


def start(what: str, path: Path, named: str) -> subprocess.Popen:
    code = HOLD.format(what, str(path), named) + STAY
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([sys.executable, "-c", code], text=True, **pipes)


def test_who_waits_says_for_whom_and_goes_on_when_that_process_is_killed(tmp_path):
    file = tmp_path / "lock"
    with start("locked", file, "make small") as first:
        assert first.stdout.readline() == "there\n"
        with start("locked", file, "make demo") as second:
            line = second.stderr.readline()
            assert line.startswith(f"waiting for {tmp_path}, where make small, process {first.pid} on ")
            first.kill()
            assert second.stdout.readline() == "there\n"
            second.communicate("")
    assert second.returncode == 0
    with locked(file, "the next"):
        assert file.read_text().startswith("the next, process ")


def test_a_child_with_the_descriptor_keeps_the_lock_of_a_parent_that_was_killed(tmp_path):
    file, code = tmp_path / "lock", HOLD + "    import subprocess; subprocess.run(['cat'], pass_fds=[given])"
    with subprocess.Popen(
        [sys.executable, "-c", code.format("locked", str(file), "make")], stdin=subprocess.PIPE, text=True
    ) as first:
        while not file.exists() or not file.read_text():
            pass
        with start("locked", file, "another") as second:
            assert second.stderr.readline().startswith("waiting for ")
            first.kill()
            first.wait()
            assert second.poll() is None
            first.stdin.close()  # ends the child
            assert second.stdout.readline() == "there\n"
            second.communicate("")


def test_who_waited_for_a_lock_that_was_removed_waits_for_the_new_one(tmp_path):
    file, order = tmp_path / "lock", []

    def wait() -> None:
        with locked(file, "second"):
            order.append("second")

    second = threading.Thread(target=wait)
    with locked(file, "first"):
        second.start()
        time.sleep(0.1)  # it has opened the file by then
        file.unlink()
        with locked(file, "third"):
            order.append("third")
            second.join(0.2)
            assert order == ["third"]
        second.join(0.2)
    second.join()
    assert order == ["third", "second"]


def test_only_what_a_killed_process_left_is_cleared(tmp_path):
    with scratch(tmp_path, ".x-") as own, start("scratch", tmp_path, ".x-") as other:
        assert other.stdout.readline() == "there\n"
        clear(tmp_path, ".x-")
        (theirs,) = (path for path in tmp_path.glob(".x-*/content") if path != own)
        assert (theirs / "kept").exists()
        other.kill()
        other.wait()
        rescued = []
        clear(tmp_path, ".x-", lambda content: rescued.extend(path.name for path in content.iterdir()))
        assert rescued == ["kept"]
        assert list(tmp_path.iterdir()) == [own.parent]
        (tmp_path / ".x-1.part").mkdir()  # of a process that was killed before it had its lock
        clear(tmp_path, ".x-")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("half", ["made", "removed"])
def test_ctrl_c_at_any_line_of_a_scratch_folder_leaves_nothing(tmp_path, half):
    """But for the lines around the two blocks that wait: those of `scratch` itself and of `uninterrupted`."""
    for number in itertools.count():
        interrupt = Interrupt(number)
        with suppress(KeyboardInterrupt):
            try:
                sys.settrace(interrupt if half == "made" else None)
                with locks.scratch(tmp_path, "x-") as new:
                    sys.settrace(None)
                    (new / "file").write_text("something")
                    sys.settrace(interrupt if half == "removed" else None)
            finally:
                sys.settrace(None)
        assert not list(tmp_path.iterdir()), f"interrupted at line {number}"
        if interrupt.left >= 0:
            break
    assert number > 10


class Interrupt:
    """A trace function that presses Ctrl-C at the given line of those that make and remove scratch folders."""

    FILES = (locks.__file__, tempfile.__file__, shutil.__file__)

    def __init__(self, number: int):
        self.left = number

    def __call__(self, frame: FrameType, event: str, _: object) -> "Interrupt | None":
        if frame.f_code.co_filename not in self.FILES:
            return None
        if event == "line" and frame.f_code.co_name not in ("scratch", "uninterrupted", "<dictcomp>", "<lambda>"):
            self.left -= 1
            if self.left < 0:
                sys.settrace(None)
                signal.raise_signal(signal.SIGINT)
        return self
