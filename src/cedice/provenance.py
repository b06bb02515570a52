"""What a number came from: the code's revision and the versions of the libraries behind it."""

import platform
import subprocess

import torch

from cedice import hardware

_CODE = ("src", "stages", "params.yaml", "dvc.yaml", "requirements.lock")


def versions() -> dict[str, str]:
    """Of everything that a trained weight depends on."""
    cuda = {"cuda": torch.version.cuda} if hardware.device().type == "cuda" else {}
    return {"python": platform.python_version(), "torch": torch.__version__, **cuda}


def revision() -> str:
    """The Git revision, with "+changes" where code or parameters differ from it; "unknown" outside a checkout."""
    try:
        commit = _git("rev-parse", "HEAD")
        return commit + ("+changes" if _git("status", "--porcelain", "--", *_CODE) else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=True).stdout.strip()
