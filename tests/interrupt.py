"""Kill `dvc repro` and its stages with SIGKILL at random moments, give the command again, and compare the end.

`python tests/interrupt.py 20` kills as often, over as many pipelines as that takes, and prints which stages were hit; status 1
as soon as one ends otherwise than an undisturbed one, in any output but for seconds, memory and revision.
"""

import collections
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
from conftest import ROOT, copy_project

TARGETS = ("page@demo",)
_OF_THE_MOMENT = ("wall_seconds", "peak_memory_mb", "revision")
_ENVIRONMENT = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def prepare(folder: Path) -> Path:
    """A tiny project under Git and DVC, nothing run yet."""
    folder.mkdir(parents=True)
    copy_project(folder)
    for tool in ("git", "dvc"):
        subprocess.run([tool, "init", "-q"], cwd=folder, env=_ENVIRONMENT, check=True)
    shutil.copytree(ROOT / ".dvc/plots", folder / ".dvc/plots")
    shutil.copy(ROOT / ".dvc/config", folder / ".dvc/config")  # DVC's own default is to report every command to its makers
    return folder


def start(folder: Path) -> subprocess.Popen:
    """`dvc repro` in a process group of its own."""
    command = ["dvc", "repro", *TARGETS]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(command, cwd=folder, env=_ENVIRONMENT, start_new_session=True, **pipes)


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


def state(folder: Path) -> dict[str, str]:
    """A fingerprint of every output; histories and run records without what differs from run to run."""
    found = {}
    for top in ("data", "models", "reports"):
        for path in sorted(path for path in (folder / top).rglob("*") if path.is_file()):
            if path.name == "history.csv":
                content = pd.read_csv(path).drop(columns="seconds").to_csv().encode()
            elif path.name in ("run.json", "runs.json"):
                given = json.loads(path.read_text(encoding="utf-8"))
                rows = given if isinstance(given, list) else [given]
                content = json.dumps([[row[key] for key in row if key not in _OF_THE_MOMENT] for row in rows]).encode()
            elif path.name in ("table1.md", "index.html", "noise.md"):  # tell seconds too
                content = b""
            else:
                content = path.read_bytes()
            found[str(path.relative_to(folder))] = hashlib.sha256(content).hexdigest()
    return found


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
