"""`python -m cedice.pipeline.repro STUDY`: `dvc repro` of one study, whatever params.yaml names in `run` and `reports`.

These two keys name the study while DVC runs and are put back at its end; whatever else was edited meanwhile stays.
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

_BLOCKS = {key: re.compile(rf"^{key}:.*\n(?:[ -].*\n)*", re.MULTILINE) for key in ("run", "reports")}


def main() -> None:
    """Run DVC; end with its status."""
    with reported("interrupted; the same command goes on from the last checkpoint"):
        sys.exit(repro(params.check_name("study", " ".join(sys.argv[1:]), params.STUDIES)))


def repro(study: str, file: Path = Path("params.yaml")) -> int:
    """The status of `dvc repro page@STUDY`; CediceError for a study without a data set."""
    project = params.load(file)
    settings = project.study(study)
    if not settings.epochs:
        raise CediceError(f"{file}: {study}.epochs names no data set yet; see docs/own-data.md")
    run = {
        "studies": [study],
        "datasets": list(settings.epochs),
        "losses": list(params.LOSSES),
        "seeds": settings.seeds,
    }
    text = file.read_text(encoding="utf-8")
    before = {key: block.findall(text)[0] for key, block in _BLOCKS.items()}
    ctrl_c = signal.signal(signal.SIGINT, lambda *_: None)  # DVC gets it, too, and ends in its own time
    try:
        for key, value in {"run": run, "reports": list(dict.fromkeys([*project.reports, study]))}.items():
            _put(file, key, yaml.safe_dump({key: value}, default_flow_style=None, sort_keys=False))
        with subprocess.Popen([sys.executable, "-m", "dvc", "repro", f"page@{study}"]) as dvc:
            signal.signal(signal.SIGTERM, lambda *_: dvc.terminate())
            return dvc.wait()
    finally:
        for key, block in before.items():
            _put(file, key, block)
        signal.signal(signal.SIGINT, ctrl_c)


def _put(file: Path, key: str, block: str) -> None:
    file.write_text(_BLOCKS[key].sub(lambda _: block, file.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
