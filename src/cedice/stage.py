"""What every stage script does around its work: arguments, parameters, and one line for an error."""

import argparse
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import ModuleType
from typing import NoReturn

from cedice import params as parameters
from cedice.datasets import SOURCES
from cedice.errors import CediceError


@dataclass(frozen=True)
class Job:
    """One stage of one study; what the stage does not take is "", and −1 for the seed."""

    params: parameters.Params
    study: str
    dataset: str
    loss: str
    seed: int
    figures: str
    experiment: str

    @property
    def arm(self) -> tuple[str, str, str, int]:
        """What names one training, as the functions of `cedice.paths` take it."""
        return self.study, self.dataset, self.loss, self.seed

    @property
    def name(self) -> str:
        """The same for people."""
        return f"{self.study} {self.dataset} {self.loss} seed {self.seed}"

    @property
    def settings(self) -> parameters.Study:
        """The study's part of the parameters."""
        return getattr(self.params, self.study)

    @property
    def source(self) -> ModuleType:
        """Where the data set's slices come from."""
        return SOURCES[self.dataset]

    @property
    def epochs(self) -> int:
        """Passes over the data set's training slices."""
        return getattr(self.settings.epochs, self.dataset)


_KNOWN = {
    "study": parameters.STUDIES,
    "dataset": parameters.DATASETS,
    "loss": parameters.ARMS,
    "figures": ("all", "without-slices"),
}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise CediceError(f"{message}; try {self.prog} --help")


def run(work: Callable[[Job], None], *needs: str) -> None:
    """Parse ``--study`` and those of ``--dataset``, ``--loss``, ``--seed``, ``--figures``, ``--experiment`` that ``needs``
    names, load `params.yaml`, do the work.

    Ends the process with status 1 and one line on standard error for anything the user can mend.
    """
    parser = _Parser(description=sys.modules[work.__module__].__doc__)
    for name in ("study", *needs):
        parser.add_argument(f"--{name}", required=True, metavar="|".join(_KNOWN.get(name, (name.upper(),))))
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does
    try:
        given = vars(parser.parse_args())
        seed, experiment = given.pop("seed", None), given.pop("experiment", "")
        names = {name: parameters.check_name(name, value, _KNOWN[name]) for name, value in given.items()}
        job = Job(parameters.load(), **{**dict.fromkeys(_KNOWN, ""), **names}, seed=-1, experiment=experiment)
        work(job if seed is None else replace(job, seed=_seed(seed, job)))
    except CediceError as error:
        sys.exit(f"error: {' '.join(str(error).split())}")  # a library's words in it may have line ends
    except OSError as error:
        sys.exit(f"error: {error.filename or 'input/output'}: {error.strerror or error}")
    except KeyboardInterrupt:
        sys.exit("error: interrupted; the same command goes on from the last checkpoint")


def _seed(given: str, job: Job) -> int:
    known = tuple(str(seed) for seed in job.settings.seeds)
    return int(parameters.check_name("seed", given, known))
