"""How memory grows with the number of volumes, and time and `dvc.lock` with the number of trainings.

    python benchmarks/growth.py                         # a tenth of the size, some minutes
    python benchmarks/growth.py --patients 240          # four times of it are ten times ACDC: 2.5 GB of slices

First the peak memory of each stage that needs data, on synthetic volumes of ACDC's size, beside what the slices themselves take
(image and mask, uint8); the network is as small as can be, so that what is seen is the data. Then, of a record whose trainings
are copied under new seeds, the CPU seconds of what makes reports, those of DVC to note one training that ended, and the lines
of the lock. Each is measured at one, two and four times the size; the last row is how many times the first one it is.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path
from time import process_time

import nibabel
import numpy as np
import pandas as pd
import yaml

from cedice import paths
from cedice.data.slices import SIZE
from cedice.evaluation import gather, record
from cedice.pipeline import lockfile, parts
from cedice.tables import read_text

ROOT = Path(__file__).parent.parent
TIMES = (1, 2, 4)
SHAPE = (216, 256, 10)  # of a volume; two a patient
TRAIN = {"base_channels": 1, "depth": 1, "batch_size": 16}
LOSS = ("--study", "demo", "--dataset", "acdc", "--loss", "ce", "--seed", "0")
DATA = {"preprocess": LOSS[:4], "train": LOSS, "evaluate": LOSS, "gather": LOSS[:4]}
STUDY, DATASET = "paper", "covid19"  # whose record grows
LOCK = paths.reports(STUDY) / "dvc.lock"
REPORTS = {"gather": ("--study", STUDY, "--dataset", DATASET), "table": ("--study", STUDY)}


def project(folder: Path, **changes: object) -> None:
    """A copy of the project's code, with other values of some groups of its parameters."""
    for name in ("src", "stages"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    shutil.copy(ROOT / "dvc.yaml", folder)
    settings = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    for name, group in changes.items():
        settings[name] = settings[name] | group
    (folder / "params.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")


def run(folder: Path, *words: str) -> tuple[float, float]:
    """(CPU seconds, peak in 10^6 bytes) of a Python command in a process of its own."""
    environment = os.environ | {"PYTHONPATH": "src"}
    process = subprocess.Popen([sys.executable, *words], cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(words)} failed")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6


def stage(folder: Path, name: str, arguments: tuple[str, ...]) -> tuple[float, float]:
    return run(folder, f"stages/{name}.py", *arguments)


def volumes(folder: Path, patients: int) -> None:
    """One patient's volumes, noise around a target of three nested classes, linked under the names of many."""
    random, root = np.random.default_rng(0), folder / paths.raw("demo", "acdc")
    shutil.rmtree(root)
    first = root / "first"
    first.mkdir(parents=True)
    labels = np.zeros(SHAPE, np.int16)
    for label in (1, 2, 3):
        labels[20 * label : -20 * label, 20 * label : -20 * label] = label
    for suffix, voxels in (("", 300 * labels + random.integers(0, 200, SHAPE, dtype=np.int16)), ("_gt", labels)):
        nibabel.Nifti1Image(voxels, np.eye(4)).to_filename(first / f"volume{suffix}.nii.gz")
    for number in range(1, patients + 1):
        name = f"patient{number:03d}"
        patient = root / "database/training" / name
        patient.mkdir(parents=True)
        for frame in ("01", "02"):
            for suffix in ("", "_gt"):
                (patient / f"{name}_frame{frame}{suffix}.nii.gz").hardlink_to(first / f"volume{suffix}.nii.gz")


def memory(folder: Path, patients: int) -> dict[str, float]:
    """MB of the slices, and the peak of each stage."""
    demo = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))["demo"]
    epochs = dict.fromkeys(demo["epochs"], 1)
    project(folder, demo={"grid": {"size": SIZE}, "epochs": epochs, "train": demo["train"] | TRAIN})
    stage(folder, "download", LOSS[:4])
    volumes(folder, patients)
    slices = patients * 2 * SHAPE[2]
    peaks = {f"{name}, MB": stage(folder, name, arguments)[1] for name, arguments in DATA.items()}
    return {"slices": slices, "take, MB": 2 * slices * SIZE**2 / 1e6, **peaks}


def time(folder: Path, times: int) -> dict[str, float]:
    """CPU seconds of what makes reports, and of DVC for a training."""
    rows = record.runs(ROOT / paths.record(STUDY), DATASET)
    seeds = sorted({row["seed"] for row in rows})
    many = list(range(times * len(seeds)))
    project(folder, **{STUDY: {"epochs": {DATASET: 100}, "seeds": many}})
    grown(folder, rows, seeds, times)
    found = {f"{name}, s": stage(folder, name, arguments)[0] for name, arguments in REPORTS.items()}
    found["DVC a training, s"] = of_dvc(folder, seeds, times)
    return {"trainings": times * len(rows), **found, "lines of dvc.lock": len((folder / LOCK).read_text().splitlines())}


def grown(folder: Path, rows: list[dict], seeds: list[int], times: int) -> None:
    """The record with its trainings copied, and the files of slices that `gather` holds it against."""
    old, new = ROOT / paths.record(STUDY) / DATASET, folder / paths.record(STUDY) / DATASET
    new.mkdir(parents=True)
    copies = [(row, row["seed"] + copy * len(seeds)) for copy in range(times) for row in rows]
    gather.write_runs(new / "runs.json", [row | {"seed": seed} for row, seed in copies])
    for table in record.TABLES:
        if record.file(old, table).is_file():
            cells = read_text(record.file(old, table))
            seed = cells["seed"].astype(int)
            parts = [cells.assign(seed=(seed + copy * len(seeds)).astype(str)) for copy in range(times)]
            gather.save(new, table, pd.concat(parts, ignore_index=True))
    for name in ("data.json", "params.yaml", "slices.csv.gz"):
        shutil.copy(old / name, new)
    described = record.described(new.parent, DATASET)
    for file, part in ((paths.source, "source"), (paths.summary, "slices")):
        (folder / file(STUDY, DATASET)).parent.mkdir(parents=True, exist_ok=True)
        (folder / file(STUDY, DATASET)).write_text(json.dumps(described[part]), encoding="utf-8")
    index = read_text(record.file(new, "slices")).assign(split="val")
    index.to_csv(folder / paths.slices(STUDY, DATASET)[1], index=False)


def of_dvc(folder: Path, seeds: list[int], times: int) -> float:
    """CPU seconds in which DVC notes one training anew in the lock of a few, and its share of taking that into the whole."""
    entries = {}
    for name, entry in lockfile.read(ROOT / LOCK).items():
        entries[name] = entry
        if name.startswith(("train@", "evaluate@")):
            stem, seed = name.rsplit("-", 1)
            for copy in range(1, times):
                other = str(int(seed) + copy * len(seeds))
                entries[f"{stem}-{other}"] = json.loads(re.sub(rf"(seed ?){seed}\b", rf"\g<1>{other}", json.dumps(entry)))
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    run(folder, "-m", "dvc", "init", "-q")
    shutil.copy(ROOT / ".dvc/config", folder / ".dvc")
    training = paths.Training(STUDY, DATASET, "ce", 0)
    for file in (paths.slices(STUDY, DATASET)[0], paths.weights(training)):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).touch()
    first = parts.few([parts.Group([DATASET], ["ce", "ce_dl"], list(range(times * len(seeds))))], 1)[0]
    begun = process_time()
    with chdir(folder):
        lockfile.write(LOCK, entries)
        with parts.part(STUDY, first) as place:
            theirs = run(folder, "-m", "dvc", "commit", "-q", "--force", f"{place}train@{STUDY}-{DATASET}-ce-0")[0]
    return theirs + (process_time() - begun) / parts.TOGETHER  # our part is done once for so many trainings


def show(measure: Callable[[Path, int], dict[str, float]], size: int = 1) -> None:
    found = []
    for times in TIMES:
        with tempfile.TemporaryDirectory() as scratch:
            found.append(measure(Path(scratch), size * times))
        if len(found) == 1:
            print("| " + " | ".join(found[0]) + " |\n" + "| --- " * len(found[0]) + "|")
        print("| " + " | ".join(f"{value:.4g}" for value in found[-1].values()) + " |", flush=True)
    ratios = (last / first for first, last in zip(found[0].values(), found[-1].values(), strict=True))
    print("| " + " | ".join(f"{ratio:.2f} times" for ratio in ratios) + " |\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=24)
    arguments = parser.parse_args()
    show(time)
    show(memory, arguments.patients)


if __name__ == "__main__":
    main()
