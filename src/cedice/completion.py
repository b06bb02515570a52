"""What completes the words of `cedice` in a shell: files and folders, and the names that it knows."""

import argparse

import shtab

from cedice import params
from cedice.described import PUBLISHED
from cedice.inference import released

# Names of data sets stand in params.yaml too, where the shell looks each time.
_OWN = r"""awk '/^[^ #]/ {inside = /^datasets:/} inside && /^  [A-Za-z]/ {sub(/:.*/, ""); print $1}' params.yaml 2>/dev/null"""
# shtab takes words for file names where the function's name has "file" in it.
_BASH = r"""
_cedice_any_file() { compgen -f -- "$1"; }
_cedice_model_file() { compgen -W "MODELS" -- "$1"; compgen -f -X '!*.safetensors' -- "$1"; compgen -d -- "$1"; }
_cedice_study() { compgen -W "STUDIES" -- "$1"; }
_cedice_loss() { compgen -W "LOSSES" -- "$1"; }
_cedice_dataset() { compgen -W "$(printf '%s\n' DATASETS $(OWN) | sort -u)" -- "$1"; }
"""
_ZSH = r"""
_cedice_model_file() { compadd MODELS; _files -g '*.safetensors'; }
_cedice_study() { compadd STUDIES; }
_cedice_loss() { compadd LOSSES; }
_cedice_dataset() { compadd $(printf '%s\n' DATASETS $(OWN) | sort -u); }
"""
_MODEL = {"bash": "_cedice_model_file", "zsh": "_cedice_model_file", "tcsh": "f"}
_FILE = {"bash": "_cedice_any_file", "zsh": "_files", "tcsh": "f"}
_DATASET = {"bash": "_cedice_dataset", "zsh": "_cedice_dataset"}
_BY_DESTINATION = {
    "model": _MODEL,
    "scans": _FILE,
    "labels": _FILE,
    "truth": _FILE,
    "out": _FILE,
    "onnx": _FILE,
    "folder": _FILE,
    "dataset": _DATASET,
    "name": _DATASET,
    "study": {"bash": "_cedice_study", "zsh": "_cedice_study"},
    "loss": {"bash": "_cedice_loss", "zsh": "_cedice_loss"},
}


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """The completion of all commands of ``parser`` for "bash", "zsh" or "tcsh"."""
    _mark(parser)
    names = {"MODELS": released.names(), "STUDIES": params.STUDIES, "LOSSES": params.LOSSES, "DATASETS": PUBLISHED}
    functions = {"bash": _BASH, "zsh": _ZSH}.get(shell, "")
    for placeholder, known in names.items():
        functions = functions.replace(placeholder, " ".join(known))
    return shtab.complete(parser, shell, preamble=functions.replace("OWN", _OWN))


def _mark(parser: argparse.ArgumentParser) -> None:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                _mark(command)
        elif action.dest in _BY_DESTINATION:
            action.complete = _BY_DESTINATION[action.dest]  # type: ignore[attr-defined]  # where shtab looks
