"""Peak memory and time of the stages on synthetic volumes: a data set of ACDC's size, and one ten times as large.

`python benchmarks/memory.py` prints a table; beside each peak is what the slices themselves take (image and mask, uint8). The
network is as small as can be, so that what is seen is the data.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nibabel
import numpy as np
import yaml

from cedice import paths
from cedice.data.slices import SIZE

ROOT = Path(__file__).parent.parent
PATIENTS = (95, 950)  # of two volumes with ten slices each: 1,900 and 19,000 slices
SHAPE = (216, 256, 10)
TRAIN = {"base_channels": 1, "depth": 1, "batch_size": 16}
LOSS = ("--dataset", "acdc", "--loss", "ce", "--seed", "0")
STAGES = {"preprocess": LOSS[:2], "train": LOSS, "evaluate": LOSS}


def project(folder: Path) -> None:
    """A copy of the project whose demo is the smallest training there is."""
    settings = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    settings["demo"]["train"] |= TRAIN
    settings["demo"]["epochs"]["acdc"] = 1
    (folder / "params.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    run(folder, "download", *LOSS[:2])


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


def run(folder: Path, stage: str, *arguments: str) -> tuple[float, float]:
    """(seconds, peak in 10^6 bytes) of a stage in a process of its own."""
    command = [sys.executable, str(ROOT / f"stages/{stage}.py"), "--study", "demo", *arguments]
    begun = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT / "src")}, stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{stage} failed")
    return time.perf_counter() - begun, usage.ru_maxrss * 1024 / 1e6


def main() -> None:
    print(f"{'slices':>8} {'take MB':>8}  " + "".join(f"{stage:>24}" for stage in STAGES))
    for patients in PATIENTS:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            project(folder)
            volumes(folder, patients)
            slices = patients * 2 * SHAPE[2]
            found = [run(folder, stage, *arguments) for stage, arguments in STAGES.items()]
            cells = "".join(f"{peak:>12.0f} MB {seconds:>6.0f} s" for seconds, peak in found)
            print(f"{slices:>8} {2 * slices * SIZE**2 / 1e6:>8.0f}  {cells}", flush=True)


if __name__ == "__main__":
    main()
