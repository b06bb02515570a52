"""Kill a training with SIGKILL again and again, at random moments and in the midst of writing a checkpoint, and compare.

`python tests/kills.py 200` prints how many kills there were, how many hit a write, and how many trainings came to their end
among them; status 1 as soon as one of these is not bit-equal, in both networks, history and counts, to the undisturbed one,
unless it is shown that no checkpoint was wrong: each that a kill left either leads to the undisturbed end when the training
goes on from it again, or its own rows tell that the digits had changed before it was written. docs/determinism.md tells of
this.
"""

import contextlib
import hashlib
import io
import json
import multiprocessing
import random
import shutil
import signal
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import tiny
import torch
from safetensors import safe_open
from tqdm import tqdm

from cedice.training import checkpoints, loop
from cedice.training.forward import Tensors

SETTINGS = tiny.settings(classes=3, epochs=12, base_channels=4, depth=2, schedule="poly")
FORK = multiprocessing.get_context("fork")  # importing torch anew for every kill would take most of the time


def train(folder: Path) -> None:
    """One training, from its start or from what the last kill left; ``folder``/done then holds its end, as `end` reads it."""
    images = np.random.default_rng(0).integers(0, 256, (12, 32, 32), dtype=np.uint8)
    data = Tensors.of(images, (images // 100).astype(np.uint8), torch.device("cpu"))
    tqdm.set_lock(threading.RLock())  # its default is shared with forks: one killed while holding it would stop all others
    checkpoints.SAVING_SHARE = 1.0  # a checkpoint nearly every epoch, so that there is much to hit
    with contextlib.redirect_stdout(io.StringIO()):
        trained = loop.train(data, data, SETTINGS, folder / "checkpoint.safetensors", "killed")
    tensors = [tensor for network in trained.networks.values() for tensor in network.state_dict().values()]
    content = b"".join([*(tensor.numpy().tobytes() for tensor in tensors), trained.counts.tobytes()])
    (folder / "done").write_text(json.dumps([*timeless(trained.history), hashlib.sha256(content).hexdigest()]))


def timeless(history: list[dict[str, float]]) -> list[dict[str, float]]:
    return [{name: value for name, value in row.items() if name != "seconds"} for row in history]


def end(folder: Path) -> list:
    """The history's rows, then the fingerprint of both networks and of the counts."""
    return json.loads((folder / "done").read_text())


def attempt(folder: Path, after: float, into_a_write: bool) -> tuple[bool, bool]:
    """Start `train` and kill it ``after`` seconds, or in the first write after them: (killed, during a write)."""
    before = half_written(folder)  # what an earlier kill left
    process = FORK.Process(target=train, args=(folder,))
    process.start()
    process.join(after)
    while into_a_write and process.is_alive() and not half_written(folder) - before:
        time.sleep(0.0002)
    process.kill()
    process.join()
    return process.exitcode == -signal.SIGKILL, bool(half_written(folder) - before)


def half_written(folder: Path) -> set[Path]:
    return set(folder.glob(".cedice-*.part"))


def keep(folder: Path) -> Path:
    """A copy of what is in ``folder`` before an attempt."""
    return Path(shutil.copytree(folder, folder.parent / f"{folder.name}-{len(list(folder.parent.iterdir()))}"))


def rows(state: Path) -> list[dict[str, float]]:
    """The history in the newest checkpoint of ``state``; [] where there is none."""
    for name in ("checkpoint.safetensors", "checkpoint-previous.safetensors"):
        if (state / name).exists():
            with safe_open(state / name, framework="pt") as stored:
                return timeless(json.loads(stored.metadata()["history"]))
    return []


def blame(states: list[Path], expected: list, found: list) -> tuple[str, bool]:
    """(what differs, whether a checkpoint was wrong) of a training that met the ``states`` between its kills."""
    first = next(index for index, pair in enumerate(zip(found, expected, strict=True)) if pair[0] != pair[1])
    wrong = []
    for state in states:
        before = rows(state)
        attempt(state, 600, into_a_write=False)
        wrong.append(before == expected[: len(before)] and end(state) != expected)
    return f"{found[first]} instead of {expected[first]}; wrong of the {len(states)} states between: {wrong}", any(wrong)


def undisturbed() -> tuple[str, float]:
    """(the `end` as it is stored, seconds)"""
    with tempfile.TemporaryDirectory() as scratch:
        start = time.perf_counter()
        attempt(Path(scratch), 600, into_a_write=False)
        return (Path(scratch) / "done").read_text(), time.perf_counter() - start


def main(wanted: int) -> None:
    chance = random.Random(0)
    torch.set_num_threads(1)  # before the first fork: a pool of threads does not survive one
    with tempfile.TemporaryDirectory() as scratch:
        train(Path(scratch))  # loads all modules
    ends, seconds = zip(*(undisturbed() for _ in range(3)), strict=True)
    expected, whole = json.loads(statistics.mode(ends)), min(seconds)
    kills = writes = completed = 0
    while kills < wanted or not completed:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / "training"
            folder.mkdir()
            states = []
            while not (folder / "done").exists():
                states.append(keep(folder))
                killed, writing = attempt(folder, chance.uniform(0, whole), into_a_write=chance.random() < 0.5)
                kills, writes = kills + killed, writes + (killed and writing)
            if left := [path for part in half_written(folder) for path in part.iterdir()]:
                sys.exit(f"after {kills} kills: a training left {left}")
            if end(folder) != expected:
                told, wrong = blame(states, expected, end(folder))
                print(f"after {kills} kills: a training ended otherwise than the undisturbed one: {told}", flush=True)
                if wrong:
                    sys.exit(1)
                continue
            completed += 1
    print(f"{kills} kills, {writes} of them during a write; {completed} trainings came to their end, all bit-equal")


if __name__ == "__main__":
    main(int(sys.argv[1]))
