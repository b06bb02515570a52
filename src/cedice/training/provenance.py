"""What a number came from: the code's revision and the versions of the libraries behind it."""

import os
import platform
import subprocess
from pathlib import Path

import torch

from cedice.training import hardware

REVISION = "CEDICE_REVISION"  # of code that came without its repository
PACKAGE = Path(__file__).parents[1]
# Of the package, what decides a training: as in `dvc.yaml`.
CODE = ("batchnorm.py", "data/slices.py", "losses.py", "metrics.py", "networks.py", "training", "unet.py")


def code() -> list[Path]:
    """The files of `CODE`."""
    places = [PACKAGE / name for name in CODE]
    return [file for place in places for file in (sorted(place.glob("*.py")) if place.is_dir() else [place])]


def versions() -> dict[str, str | None]:
    """Of everything that a trained weight depends on."""
    cuda = {"cuda": torch.version.cuda} if hardware.device().type == "cuda" else {}
    return {"python": platform.python_version(), "torch": torch.__version__, **cuda}


def revision() -> str:
    """The Git revision, with "+changes" where what decides a training differs from it; outside a checkout what the variable
    `REVISION` says, else "unknown"."""
    try:
        commit = git("rev-parse", "HEAD").decode().strip()
        inputs = *(f":/src/cedice/{name}" for name in CODE), ":/stages/train.py", ":/params.yaml"
        return commit + ("+changes" if git("status", "--porcelain", "--", *inputs) else "")
    except (OSError, subprocess.CalledProcessError):
        return os.environ.get(REVISION, "unknown")


def git(*arguments: str) -> bytes:
    """What a git command prints; raises CalledProcessError where it fails, OSError where there is no git."""
    return subprocess.run(["git", *arguments], capture_output=True, check=True).stdout
