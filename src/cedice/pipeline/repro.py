"""`python -m cedice.pipeline.repro STUDY`: `dvc repro` of one study, whatever params.yaml names in `run` and `reports`.

These two keys name the study while DVC runs and are put back at its end; whatever else was edited meanwhile stays. As long,
`dvc.lock` has that study's stages alone (`cedice.pipeline.lock`).
(`dvc exp run -S` would do the same, but asks for a Git identity, drops comments and leaves an experiment behind.)
"""

import re
import signal
import subprocess
import sys
from pathlib import Path

import yaml

from cedice import params
from cedice.errors import CediceError, reported
from cedice.files import write_text
from cedice.pipeline import lock

_BLOCKS = {key: re.compile(rf"^{key}:.*(?:\n[ -].*)*", re.MULTILINE) for key in ("run", "reports")}


def main() -> None:
    """Run DVC; end with its status."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that params.yaml is put back
    with reported("interrupted; the same command goes on from the last checkpoint"):
        sys.exit(repro(params.check_name("study", " ".join(sys.argv[1:]), params.STUDIES)))


def repro(study: str, file: Path = Path("params.yaml")) -> int:
    """The status of `dvc repro` of a study's page and mixtures; CediceError for a study without a data set, or a file without
    these keys.

    `run` names one list of seeds, so data sets that have others are trained one after the other, and the page comes last.
    """
    project = params.load(file)
    settings = project.study(study)
    if not settings.epochs:
        raise CediceError(f"{file}: {study}.epochs names no data set yet; see docs/own-data.md")
    namings = list(params.NAMINGS) if study in project.mixture.studies else []
    text = file.read_text(encoding="utf-8")
    blocks = {key: block.search(text) for key, block in _BLOCKS.items()}
    if missing := [key for key, block in blocks.items() if block is None]:
        raise CediceError(f"{file}: no line begins with `{missing[0]}:`; write this key so, to have it edited")
    before = {key: block[0] for key, block in blocks.items() if block}
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        signal.signal(signal.SIGINT, lambda *_: None)  # DVC gets it, too, and ends in its own time
        with lock.alone(study, file.parent):
            for number, (datasets, seeds) in enumerate(groups := settings.groups(), start=1):
                losses = list(params.LOSSES)
                run = {"studies": [study], "datasets": datasets, "losses": losses, "seeds": seeds, "mixtures": namings}
                for key, value in {"run": run, "reports": [study]}.items():
                    _put(file, key, yaml.safe_dump({key: value}, default_flow_style=None, sort_keys=False).rstrip())
                status = _dvc(f"page@{study}" if number == len(groups) else "measure", *(["mixture"] if namings else []))
                if status:
                    break
        return status
    finally:
        for key, block in before.items():
            _put(file, key, block)
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _dvc(*targets: str) -> int:
    with subprocess.Popen([sys.executable, "-m", "dvc", "repro", *targets]) as dvc:
        signal.signal(signal.SIGTERM, lambda *_: dvc.terminate())
        return dvc.wait()


def _put(file: Path, key: str, block: str) -> None:
    write_text(file, _BLOCKS[key].sub(lambda _: block, file.read_text(encoding="utf-8")))


if __name__ == "__main__":
    main()
