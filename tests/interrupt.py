"""Kill `dvc repro` and its stages with SIGKILL at random moments, give the command again, and compare the end.

`python tests/interrupt.py 20` kills as often, over as many pipelines as that takes, and prints which stages were hit; status 1
as soon as one ends otherwise than an undisturbed one, in any output but for seconds, memory and revision.
"""

import collections
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from project import ENVIRONMENT, prepare, state


def start(folder: Path) -> subprocess.Popen:
    """`dvc repro` in a process group of its own."""
    command = ["dvc", "repro", "plot@demo"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(command, cwd=folder, env=ENVIRONMENT, start_new_session=True, **pipes)


def kill(process: subprocess.Popen, folder: Path) -> str:
    """SIGKILL to all of the group; what it had said. DVC writes its own lock in place: a half one is removed, as
    docs/reproduce.md says."""
    os.killpg(process.pid, signal.SIGKILL)
    said = process.communicate()[0]
    lock = folder / ".dvc/tmp/rwlock"
    try:
        json.loads(lock.read_text(encoding="utf-8"))
    except FileNotFoundError:
        pass
    except ValueError:
        lock.unlink()
    return said


def disturb(folder: Path, wanted: int, longest: float, chance: random.Random) -> tuple[list[str], str]:
    """Kill up to ``wanted`` times, each after at most ``longest`` seconds, then let it end: (stages hit, last output)."""
    hit = []
    while True:
        process = start(folder)
        try:
            output, _ = process.communicate(timeout=chance.uniform(0.5, longest) if len(hit) < wanted else 600)
            return hit, output
        except subprocess.TimeoutExpired:
            output = kill(process, folder)
            running = [line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")]
            hit.append(running[-1].partition("@")[0] if running else "before the first stage")


def main(wanted: int) -> None:
    chance, hits = random.Random(0), collections.Counter()
    with tempfile.TemporaryDirectory() as scratch:
        begun = time.perf_counter()
        undisturbed = prepare(Path(scratch) / "undisturbed")
        _, output = disturb(undisturbed, 0, 0, chance)
        expected, whole = state(undisturbed), time.perf_counter() - begun
        if not expected:
            sys.exit(output)
        turn = 0
        while hits.total() < wanted:
            folder = prepare(Path(scratch) / str(turn))
            hit, output = disturb(folder, min(6, wanted - hits.total()), whole / 3, chance)
            hits.update(hit)
            if state(folder) != expected or list(folder.rglob("*.part")):
                sys.exit(f"after {hits.total()} kills: another end than undisturbed\n{output}")
            turn += 1
    where = ", ".join(f"{name} {count}" for name, count in sorted(hits.items()))
    print(f"{hits.total()} kills ({where}) of {turn} pipelines, all equal in the end")


if __name__ == "__main__":
    main(int(sys.argv[1]))
