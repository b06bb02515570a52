"""Stages of several studies in few processes, since importing takes longer than most stages.

    python -m cedice.pipeline.series '[[FOLDER, STUDY, FILE…], …]'

In each FOLDER the files run one after another as the commands `python FILE --study STUDY` would.
"""

import json
import multiprocessing
import os
import runpy
import sys


def main() -> None:
    series = json.loads(sys.argv[1])
    for file in dict.fromkeys(file for _, _, *files in series for file in files):
        runpy.run_path(file)  # it defines and imports alone: once, for all processes that come out of this one
    with multiprocessing.get_context("fork").Pool(os.cpu_count()) as pool:
        pool.map(_run, series, chunksize=1)


def _run(series: list[str]) -> None:
    folder, study, *files = series
    os.chdir(folder)
    for file in files:
        sys.argv = [file, "--study", study]
        runpy.run_path(file, run_name="__main__")


if __name__ == "__main__":
    main()
