"""DVC in processes of its own: several side by side, and none of them left when the last command has ended."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence

from cedice import machine

_ENDING = 60.0  # seconds that stages have to end after a signal
Targets = tuple[str, ...]


def repro(commands: Sequence[Targets], jobs: int = 1, told: Callable[[int], None] = lambda done: None) -> int:
    """The status of `dvc repro` of each of the ``commands``, up to ``jobs`` of them at a time: that of the first that fails,
    after which none is started, else 0. ``told`` hears how many have ended well.

    SIGINT and SIGTERM go on to all that run, and the end waits for all that these have started.
    """
    waiting, running, status, done = list(commands), list[subprocess.Popen](), 0, 0
    threads = {"OMP_NUM_THREADS": str(max(machine.cores() // jobs, 1)), "OMP_WAIT_POLICY": "passive"} if jobs > 1 else {}
    with _handed_on(running) as interrupted:
        while running or (waiting and not status and not interrupted):
            if waiting and len(running) < jobs and not status and not interrupted:
                command = [sys.executable, "-m", "dvc", "--wait-for-lock", "repro", *waiting.pop(0)]
                # With what is inheritable of this process: the lock of the checkout.
                running.append(subprocess.Popen(command, start_new_session=True, close_fds=False, env=threads | os.environ))
                continue
            for process in [each for each in running if each.poll() is not None]:
                _end(process.pid)
                running.remove(process)
                status = status or process.returncode
                if not process.returncode:
                    told(done := done + 1)
            time.sleep(0.05)
    return status or int(bool(interrupted))


@contextlib.contextmanager
def _handed_on(running: list[subprocess.Popen]) -> Iterator[list[int]]:
    """Within, signals go on to the process groups of what is ``running``; gives those that came."""
    came: list[int] = []

    def hand_on(number: int, _: object) -> None:
        came.append(number)
        for process in running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)

    before = {number: signal.signal(number, hand_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(group: int) -> None:
    """Wait until no process of the ``group`` is left; after `_ENDING` seconds none is asked."""
    begun = time.monotonic()
    with contextlib.suppress(ProcessLookupError):
        while True:
            os.killpg(group, 0 if time.monotonic() - begun < _ENDING else signal.SIGKILL)
            time.sleep(0.05)
