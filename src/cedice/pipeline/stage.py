"""What every stage script does around its work: arguments, parameters, and one line for an error."""

import argparse
import itertools
import json
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from cedice import params as parameters
from cedice import paths
from cedice.errors import CediceError, reported
from cedice.paths import Training


@dataclass(frozen=True)
class Job:
    """One stage of one study. ``given`` holds the values of the arguments that the stage asks for, by name."""

    params: parameters.Params
    study: str
    given: dict[str, Any]

    @property
    def settings(self) -> parameters.Study:
        """The study's part of the parameters."""
        return self.params.study(self.study)

    @property
    def dataset(self) -> str:
        """Of a stage of one data set."""
        return self.given["dataset"]

    @property
    def training(self) -> Training:
        """Of a stage of one training."""
        return Training(self.study, self.dataset, self.given["loss"], self.given["seed"])

    @property
    def datasets(self) -> tuple[str, ...]:
        """The study's data sets that have counts, which reports are of; where none has, all."""
        return paths.counted(self.study, self.settings.epochs)

    @property
    def untrained(self) -> tuple[str, ...]:
        """The study's other data sets, of which no report is yet."""
        return tuple(name for name in self.settings.epochs if name not in self.datasets)

    @property
    def trainings(self) -> list[Training]:
        """All trainings on these data sets."""
        kinds = itertools.product(self.datasets, parameters.LOSSES)
        return [Training(self.study, *kind, seed) for kind in kinds for seed in self.settings.seeds_of(kind[0])]

    @property
    def synthetic(self) -> bool:
        """Whether the study's data is generated."""
        return self.settings.source.kind == "phantom"

    def title(self, name: str) -> str:
        """A data set's ``name`` in a line of the log."""
        return f"{name} phantom (synthetic)" if self.synthetic else name

    @property
    def note(self) -> str:
        """What a figure's title says of its origin."""
        return f"study {self.study}" + (", synthetic data" if self.synthetic else "")

    @property
    def alphas(self) -> dict[str, str]:
        """{loss: its α as text}."""
        return {loss: f"{getattr(self.params.loss, loss).alpha:g}" for loss in parameters.LOSSES}

    @property
    def left_out(self) -> list[str]:
        """A line for each study on real data that `run` leaves out: what it needs, and the command."""
        lines = []
        for name in parameters.STUDIES:
            study = self.params.study(name)
            if study.source.kind == "archive" and study.epochs and name not in self.params.run.studies:
                needs = "the archives and a CUDA GPU" if study.hardware == "gpu" else "the archives"
                lines.append(f"left out: the trainings of {name}, which need {needs}; `make {name}` runs them")
        return lines

    def classes(self, dataset: str) -> tuple[str, ...]:
        """Names of a data set's labels 0, 1, … from the record of its slices; CediceError where there is none."""
        return tuple(self.record(dataset)["classes"])

    def unit(self, dataset: str) -> str:
        """What statistics over a data set take as independent: "patient", or "slice" where patients are not known. CediceError
        as `classes`."""
        return self.record(dataset)["unit"]

    def folds(self, dataset: str) -> int:
        """How many folds a data set is split into: training number k validates fold k modulo this; 1 where all trainings
        validate the same. CediceError as `classes`."""
        return self.record(dataset).get("folds", 1)

    def record(self, dataset: str) -> dict[str, Any]:
        """The record of a data set's slices (`cedice.data.preprocess.summary`); CediceError where there is none."""
        file = paths.slices_record(self.study, dataset)
        try:
            record = json.loads(file.read_text(encoding="utf-8"))
            known = {key: record[key] for key in ("classes", "unit", "validation_patients")}
            return known | {key: record[key] for key in ("folds",) if key in record}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CediceError(f"{file}: not a record of slices ({error}); run the preprocess stage again") from error


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise CediceError(f"{message}; try {self.prog} --help")


_KNOWN: dict[str, tuple[str, ...]] = {
    "study": parameters.STUDIES,
    "loss": parameters.LOSSES,
    "naming": parameters.NAMINGS,
}


def run(work: Callable[[Job], None], *needs: str) -> None:
    """Parse ``--study`` and the arguments that ``needs`` names, load `params.yaml`, do the work.

    ``needs``: some of dataset, loss, seed, experiment, naming. Ends the process with status 1 and one line on standard
    error for anything the user can mend.
    """
    parser = _Parser(description=sys.modules[work.__module__].__doc__)
    for name in ("study", *needs):
        parser.add_argument(f"--{name}", required=True, metavar="|".join(_KNOWN.get(name, (name.upper(),))))
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does
    with reported("interrupted; the same command goes on from the last checkpoint"):
        given = vars(parser.parse_args())
        for name in given.keys() & _KNOWN.keys():
            parameters.check_name(name, given[name], _KNOWN[name])
        job = Job(parameters.load(), given.pop("study"), given)
        if "dataset" in given:
            parameters.check_name("dataset", given["dataset"], tuple(job.settings.epochs))
        if "seed" in given:
            given["seed"] = int(
                parameters.check_name("seed", given["seed"], tuple(map(str, job.settings.seeds_of(job.dataset))))
            )
        work(job)
