"""What every stage script does around its work: arguments, parameters, and one line for an error."""

import argparse
import itertools
import json
import signal
import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, NoReturn

import pandas as pd

from cedice import params as parameters
from cedice import paths
from cedice.errors import CediceError, reported
from cedice.evaluation import record
from cedice.evaluation.runs import Runs, load
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
        """The data set that a stage of one data set is about."""
        return self.given["dataset"]

    @property
    def training(self) -> Training:
        """The training that a stage of one training is about."""
        return Training(self.study, self.dataset, self.given["loss"], self.given["seed"])

    @property
    def datasets(self) -> tuple[str, ...]:
        """The study's data sets that its record has, which reports are of. CediceError where it has none, or where it lacks a
        training of one."""
        there = record.datasets(paths.record(self.study))
        names = tuple(name for name in self.settings.epochs if name in there)
        if not names:
            raise CediceError(f"{paths.record(self.study)} has no trainings; `make {self.study}` makes them")
        for name in names:
            recorded = {(row["loss"], row["seed"]) for row in record.runs(paths.record(self.study), name)}
            lacking = [training for training in self.trainings_of(name) if training.key[1:] not in recorded]
            if lacking:
                raise CediceError(f"{paths.record(self.study) / name} lacks {lacking[0]}; `make {self.study}` trains it")
        return names

    @property
    def untrained(self) -> tuple[str, ...]:
        """The study's other data sets, of which no report is yet."""
        return tuple(name for name in self.settings.epochs if name not in self.datasets)

    def trainings_of(self, dataset: str) -> list[Training]:
        """All trainings of the study on a data set."""
        kinds = itertools.product(parameters.LOSSES, self.settings.seeds_of(dataset))
        return [Training(self.study, dataset, *kind) for kind in kinds]

    def table(self, name: str, datasets: Collection[str] | None = None) -> pd.DataFrame:
        """A table of the study's record (`cedice.evaluation.record`), of all its data sets or of these."""
        return record.load(paths.record(self.study), name, self.datasets if datasets is None else datasets)

    def thresholds(self) -> dict[str, record.Tables]:
        """{network: tables of thresholds} of the data sets whose record has them."""
        kept = [name for name in self.datasets if record.has(paths.record(self.study), "thresholds", name)]
        return record.by_network(self.table("thresholds", kept)) if kept else {}

    def runs(self) -> dict[str, Runs]:
        """{network: all trainings} of the study's record."""
        return load(paths.record(self.study), self.datasets)

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

    def classes(self, dataset: str) -> tuple[str, ...]:
        """Names of a data set's labels 0, 1, …"""
        return tuple(self.slices(dataset)["classes"])

    @property
    def units(self) -> dict[str, str]:
        """By data set, what statistics take as independent: "patient", or "slice" where patients are not known."""
        return {name: self.slices(name)["unit"] for name in self.datasets}

    @property
    def folds(self) -> dict[str, int]:
        """By data set, how many folds it is split into: training number k validates fold k modulo this; 1 where all trainings
        validate the same."""
        return {name: self.slices(name).get("folds", 1) for name in self.datasets}

    def slices(self, dataset: str) -> dict[str, Any]:
        """The summary of a data set's slices (`cedice.data.preprocess.summary`): of those that are here for a stage of one data
        set, else of the record. CediceError where there is none."""
        if "dataset" not in self.given:
            return record.described(paths.record(self.study), dataset)["slices"]
        return self.described()["slices"]

    def described(self) -> dict[str, Any]:
        """What was obtained of the stage's data set, and the summary of its slices: `data.json` of the record."""
        files = {"source": paths.source(self.study, self.dataset), "slices": paths.summary(self.study, self.dataset)}
        try:
            return {key: json.loads(file.read_text(encoding="utf-8")) for key, file in files.items()}
        except (OSError, ValueError) as error:
            file = files["slices"]
            raise CediceError(f"{file}: no summary of slices ({error}); run the download and preprocess stages") from error


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
