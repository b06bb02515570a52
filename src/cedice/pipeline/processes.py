"""DVC in processes of its own: several side by side, and none of them left when the last command has ended.

They are forks of this one, so that DVC is imported once, which takes longer than what it does for a stage.
"""

import contextlib
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.process import BaseProcess

from cedice import machine

_ENDING = 60.0  # seconds that stages have to end after a signal
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
Targets = tuple[str, ...]


def repro(commands: Sequence[Targets], jobs: int = 1, told: Callable[[int], None] = lambda done: None) -> int:
    """The status of `dvc repro` of each of the ``commands``, up to ``jobs`` of them at a time: that of the first that fails,
    after which none is started, else 0. ``told`` hears how many have ended well.

    SIGINT and SIGTERM go on to all that run, and the end waits for all that these have started.
    """
    waiting, running, status, done = list(commands), dict[int, BaseProcess](), 0, 0
    threads = {"OMP_NUM_THREADS": str(max(machine.cores() // jobs, 1)), "OMP_WAIT_POLICY": "passive"} if jobs > 1 else {}
    with _handed_on(running) as interrupted:
        while running or (waiting and not status and not interrupted):
            if waiting and len(running) < jobs and not status and not interrupted:
                _start(running, waiting.pop(0), threads | os.environ)
                continue
            for group, process in list(running.items()):
                if process.exitcode is None:
                    continue
                _end(group)
                del running[group]
                status = status or process.exitcode
                if not process.exitcode:
                    told(done := done + 1)
            time.sleep(0.05)
    return status or int(bool(interrupted))


def _start(running: dict[int, BaseProcess], targets: Targets, environment: dict[str, str]) -> None:
    """Run DVC as one more of the ``running``, in a process group of its own. It holds what this process holds: the lock of the
    checkout."""
    from dvc.cli import main, parser  # noqa: F401, PLC0415  (the package `dvc` is needed here alone; its parser imports the rest)
    from dvc.repo import reproduce  # noqa: F401, PLC0415

    def work() -> None:
        os.setpgid(0, 0)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        os.environ.update(environment)
        sys.exit(main(["--wait-for-lock", "repro", *targets]))

    process = multiprocessing.get_context("fork").Process(target=work)
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)  # a signal waits until there is a group that it can go on to
    try:
        process.start()
        with contextlib.suppress(OSError):  # whichever of the two is first
            os.setpgid(process.pid or 0, 0)
        running[process.pid or 0] = process
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)


@contextlib.contextmanager
def _handed_on(running: dict[int, BaseProcess]) -> Iterator[list[int]]:
    """Within, signals go on to the process groups of what is ``running``; gives those that came."""
    came: list[int] = []

    def hand_on(number: int, _: object) -> None:
        came.append(number)
        for group in running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, number)

    before = {number: signal.signal(number, hand_on) for number in _SIGNALS}
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
