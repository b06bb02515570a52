"""Locks and scratch folders of processes that live, wait and are killed."""

import subprocess
import sys
import threading
import time
from pathlib import Path

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
