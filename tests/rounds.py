"""Let two `cedice predict` work in one folder at once, kill them with SIGKILL at random, and look at what is there.

`python tests/rounds.py 200` prints how many rounds and kills there were, and after how many rounds results were left half moved
in; status 1 as soon as a scan that was announced lacks one of its files or its rows in `volumes.csv`, a process that was not
killed fails, or a file is there that the list of written files does not know. Five rounds share a folder, so that each meets
what the ones before left; then an undisturbed run must end with the bytes of one that was alone.
"""

import contextlib
import csv
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

import nibabel
import numpy as np
import torch
from grey import cedice, write_model
from tqdm import tqdm

from cedice.files import sha256
from cedice.inference.results import LOCK, MANIFEST, VOLUMES, Results, names

FORK = multiprocessing.get_context("fork")  # importing torch anew for every process would take most of the time
SHARING = 5  # rounds in one folder
BOTH = (slice(3), slice(1, 4))  # the scans of each process: some are the other's too


def put(folder: Path, count: int) -> list[Path]:
    """Scans of noise."""
    folder.mkdir()
    for number in range(count):
        voxels = np.random.default_rng(number).integers(-900, 900, (16, 12, 2)).astype(np.int16)
        nibabel.Nifti1Image(voxels, np.diag([-1, -1, 3, 1.0])).to_filename(folder / f"s{number}.nii")
    return sorted(folder.iterdir())


def label(model: Path, scans: list[Path], out: Path, said: Path) -> None:
    """The command, what it says in the file ``said``."""
    with said.open("w") as file, contextlib.redirect_stdout(file), contextlib.redirect_stderr(file):
        cedice("predict", model, *scans, "-o", out, "--device", "cpu")


def attempt(steps: int, *arguments: object) -> None:
    """`label` in a process of its own, killed when it is about to move a file after ``steps`` such."""
    tqdm.set_lock(threading.RLock())  # its default is shared with forks: one killed while holding it would stop all others
    replace = Path.replace

    def step(new: Path, target: Path) -> Path:
        nonlocal steps
        if steps == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        steps -= 1
        return replace(new, target)

    Path.replace = step
    label(*arguments)


def announced(said: Path) -> set[str]:
    """The scans whose line is complete in what a process said."""
    lines = said.read_text().splitlines(keepends=True) if said.exists() else []
    return {line.partition(":")[0] for line in lines if line.endswith("\n") and line.startswith("s")}


def lacking(out: Path, scan: str) -> list[str]:
    """What a labelled scan should have and has not."""
    files = [name for name in names(Path(f"{scan}.nii"), False) if not (out / name).is_file()]
    return files + ([] if [row for row in rows(out / VOLUMES) if row["scan"] == scan] else ["rows"])


def rows(file: Path) -> list[dict[str, str]]:
    if not file.exists():
        return []
    with file.open(newline="") as stream:
        return list(csv.DictReader(stream))


def moving(out: Path) -> set[Path]:
    """Results that are complete and not all in their place."""
    return set(out.glob(f".cedice-results-*/content/{MANIFEST}"))


def wait(processes: list, longest: float, chance: random.Random) -> int:
    """Kill one, both or neither of the processes after at most so many seconds, and wait for the end: how many were killed."""
    for process in chance.sample(processes, chance.choice((0, 0, 1, 2))):
        process.join(chance.uniform(0, longest))
        process.kill()
    for process in processes:
        process.join()
    return sum(process.exitcode == -signal.SIGKILL for process in processes)


def wrong(out: Path, model: Path, told: set[str]) -> list[str]:
    """What is not as it should be: of the announced scans as the processes left them, of all after the next run has looked."""
    found = [f"{scan} lacks {what}" for scan in sorted(told) for what in lacking(out, scan)]
    Results(out, model).check({})
    listed = {row["file"]: row["sha256"] for row in rows(out / MANIFEST)}
    there = maps(out)
    found += [f"{name} is there, but not as listed" for name in there if listed.get(name) != there[name]]
    found += [f"{name} is listed, but not there" for name in listed if name not in there]
    labelled = {row["scan"] for file in (MANIFEST, VOLUMES) for row in rows(out / file)} - {""}
    return found + [f"{scan} lacks {what}" for scan in sorted(labelled) for what in lacking(out, scan)]


def maps(out: Path) -> dict[str, str]:
    """The SHA-256 of every file but the list and what is hidden."""
    return {path.name: sha256(path) for path in out.glob("[!.]*") if path.name != MANIFEST}


def main(wanted: int) -> None:
    chance = random.Random(0)
    torch.set_num_threads(1)  # before the first fork: a pool of threads does not survive one
    kills = moves = 0
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        model, scans = write_model(scratch / "grey.safetensors"), put(scratch / "scans", 4)
        label(model, scans[:1], scratch / "first", scratch / "said")  # loads all modules
        begun = time.perf_counter()
        label(model, scans, scratch / "alone", scratch / "said")
        longest = time.perf_counter() - begun
        expected = maps(scratch / "alone")
        del expected[VOLUMES]  # its rows come in the order of the work
        for number in range(wanted):
            if number % SHARING == 0:
                out, told = scratch / f"out{number}", set()
            said = [scratch / f"said{number}-{side}" for side in (0, 1)]
            processes = [
                FORK.Process(target=attempt, args=(chance.randrange(40), model, scans[of_side], out, file))
                for of_side, file in zip(BOTH, said, strict=True)
            ]
            for process in processes:
                process.start()
            killed = wait(processes, longest, chance)
            kills, moves = kills + killed, moves + bool(moving(out))
            told |= announced(said[0]) | announced(said[1])
            found = [
                f"a process ended with {process.exitcode}: {file.read_text()}"
                for process, file in zip(processes, said, strict=True)
                if process.exitcode not in (0, -signal.SIGKILL)
            ]
            for process, of_side, file in zip(processes, BOTH, said, strict=True):
                if process.exitcode == 0 and len(announced(file)) != len(scans[of_side]):
                    found.append(f"a process ended well and announced {sorted(announced(file))}")
            found += wrong(out, model, told)
            if number % SHARING == SHARING - 1 or number == wanted - 1:
                label(model, scans, out, scratch / "said")
                found += [] if {**expected, VOLUMES: maps(out)[VOLUMES]} == maps(out) else ["another end than alone"]
                found += [f"{path} is left" for path in out.glob(".*") if path.name != LOCK]
            if found:
                sys.exit(f"round {number + 1}, after {kills} kills: {'; '.join(found)}")
    print(
        f"{wanted} rounds of two processes, {kills} kills, {moves} times with results half moved in: nothing announced is lost"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]))
