"""How far the demo's numbers differ between numbers of threads and instruction sets: its trainings, in processes of their own.

    python benchmarks/processors.py

Reads the demo's slices (`dvc repro preprocess`) and trains on them as `params.yaml` says, once in each environment that this
processor can stand in for. Prints the averaged network's foreground Dice, and the largest difference of each training.
"""

import argparse
import contextlib
import io
import itertools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd

from cedice import params, paths
from cedice.paths import Training

ENVIRONMENTS = {
    "2 threads": {"OMP_NUM_THREADS": "2"},
    "1 thread": {"OMP_NUM_THREADS": "1"},
    "2 threads, AVX2": {"OMP_NUM_THREADS": "2", "ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"},
    "2 threads, no AVX": {"OMP_NUM_THREADS": "2", "ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41"},
}


def main() -> None:
    found = {}
    for name, environment in ENVIRONMENTS.items():
        command, told = [sys.executable, __file__, "--here"], os.environ | environment
        done = subprocess.run(command, env=told, stdout=subprocess.PIPE, text=True, check=True)
        found[name] = pd.Series(json.loads(done.stdout))
        print(f"{name}: {found[name].round(4).to_dict()}", flush=True)
    table = pd.DataFrame(found)
    table["largest difference"] = table.max(axis=1) - table.min(axis=1)
    print(table.to_string(float_format="{:.4f}".format))


def here() -> None:
    """Train in this process; print {training: Dice} as JSON."""
    from cedice.data import slices  # noqa: PLC0415  (the parent needs no PyTorch)
    from cedice.training import hardware, loop, settings  # noqa: PLC0415
    from cedice.training.forward import Tensors  # noqa: PLC0415

    project, dice = params.load(), {}
    hardware.tune()
    for dataset, loss in itertools.product(project.demo.epochs, params.LOSSES):
        training = Training("demo", dataset, loss, project.demo.seeds_of(dataset)[0])
        data = slices.load(*paths.slices("demo", dataset))
        whole = Tensors.of(data.images, data.masks, hardware.device())
        parts = (whole.part(data.rows(split, training.seed)) for split in ("train", "val"))
        of = settings.of(project, training, int(data.masks.max()) + 1)
        with tempfile.TemporaryDirectory() as scratch, contextlib.redirect_stdout(io.StringIO()):
            trained = loop.train(*parts, of, Path(scratch) / "checkpoint.safetensors", str(training))
        dice[f"{dataset} {loss}"] = trained.history[-1]["averaged_dice_foreground"]
    print(json.dumps(dice))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--here", action="store_true", help="in this process and environment alone, and print JSON")
    here() if parser.parse_args().here else main()
