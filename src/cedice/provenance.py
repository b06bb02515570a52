"""What a number came from: the code's revision and the versions of the libraries behind it."""

import platform
import subprocess

import torch

from cedice import hardware

_CODE = ("src", "stages", "params.yaml", "dvc.yaml", "requirements.lock")


def versions() -> dict[str, str | None]:
    """Of everything that a trained weight depends on."""
    cuda = {"cuda": torch.version.cuda} if hardware.device().type == "cuda" else {}
    return {"python": platform.python_version(), "torch": torch.__version__, **cuda}


def revision() -> str:
    """The Git revision, with "+changes" where code or parameters differ from it; "unknown" outside a checkout."""
    try:
        commit = git("rev-parse", "HEAD").decode().strip()
        return commit + ("+changes" if git("status", "--porcelain", "--", *_CODE) else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def git(*arguments: str) -> bytes:
    """What a git command prints; raises CalledProcessError where it fails, OSError where there is no git."""
    return subprocess.run(["git", *arguments], capture_output=True, check=True).stdout
