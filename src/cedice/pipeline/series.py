"""Stages of several studies in few processes, since importing takes longer than most stages.

    python -m cedice.pipeline.series '[[FOLDER, STUDY, FILE…], …]'

In each FOLDER the files run one after another as the commands `python FILE --study STUDY` would.
"""

import json
import os
import runpy
import sys
from concurrent.futures import ProcessPoolExecutor


def main() -> None:
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(_run, json.loads(sys.argv[1])))


def _run(series: list[str]) -> None:
    folder, study, *files = series
    os.chdir(folder)
    for file in files:
        sys.argv = [file, "--study", study]
        runpy.run_path(file, run_name="__main__")


if __name__ == "__main__":
    main()
