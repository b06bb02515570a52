"""What every stage script does around its work: arguments, parameters, and one line for an error."""

import argparse
import itertools
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NoReturn

from cedice import params as parameters
from cedice.datasets import registry
from cedice.datasets.source import Source
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
    def datasets(self) -> tuple[str, ...]:
        """The study's data sets."""
        return tuple(self.settings.passes)

    @property
    def trainings(self) -> list[tuple[str, str, int]]:
        """(data set, arm, seed) of all the study's trainings."""
        return list(itertools.product(self.datasets, parameters.ARMS, self.settings.seeds))

    def source_of(self, dataset: str) -> Source:
        """Where a data set's slices come from."""
        return registry.find(dataset, self.params.datasets)

    @property
    def source(self) -> Source:
        """The same, of the stage's own."""
        return self.source_of(self.dataset)

    @property
    def epochs(self) -> int:
        """Passes over the data set's training slices."""
        return self.settings.passes[self.dataset]

    @property
    def synthetic(self) -> bool:
        """Whether the study's data is generated."""
        return self.settings.source.kind == "phantom"


_KNOWN: dict[str, tuple[str, ...]] = {
    "study": parameters.STUDIES,
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
        dataset = given.pop("dataset", None)
        names = {name: parameters.check_name(name, value, _KNOWN[name]) for name, value in given.items()}
        blank = {**dict.fromkeys(_KNOWN, ""), "dataset": "", "seed": -1, "experiment": experiment}
        job = Job(parameters.load(), **{**blank, **names})
        if dataset is not None:
            job = replace(job, dataset=parameters.check_name("dataset", dataset, job.datasets))
        if seed is not None:
            job = replace(job, seed=int(parameters.check_name("seed", seed, tuple(map(str, job.settings.seeds)))))
        work(job)
    except CediceError as error:
        sys.exit(f"error: {' '.join(str(error).split())}")  # a library's words in it may have line ends
    except OSError as error:
        sys.exit(f"error: {error.filename or 'input/output'}: {error.strerror or error}")
    except KeyboardInterrupt:
        sys.exit("error: interrupted; the same command goes on from the last checkpoint")
