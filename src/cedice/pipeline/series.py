"""Stages of a study one after another in this process, since importing takes longer than most of them.

    python -m cedice.pipeline.series STUDY FILE…

Each file is run as the command `python FILE --study STUDY` would.
"""

import runpy
import sys


def main() -> None:
    study, *files = sys.argv[1:]
    for file in files:
        sys.argv = [file, "--study", study]
        runpy.run_path(file, run_name="__main__")


if __name__ == "__main__":
    main()
