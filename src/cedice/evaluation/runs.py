"""What is kept of the trainings of a study: counts, history and record of one, and its headline values."""

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from cedice import paths
from cedice.errors import CediceError
from cedice.evaluation.counts import load_counts, pooled_headline
from cedice.paths import Training

_AGREEMENT = 2e-3  # evaluation on another device turns a few pixels in a thousand, another training many more


_PREFIX = "averaged_"  # of the history's columns of the averaged network


@dataclass(frozen=True)
class Run:
    """What is kept of one network of a training: its counts table, its history, its run record."""

    counts: pd.DataFrame
    history: pd.DataFrame
    record: dict[str, Any]

    @classmethod
    def read(cls, counts: Path, history: Path, record: Path, readout: str) -> "Run":
        """From its three files; CediceError for damaged counts, and for a history without this network."""
        described = json.loads(record.read_text(encoding="utf-8"))
        return cls(load_counts(counts, described["settings"]["classes"]), _history(history, readout), described)

    @classmethod
    def of(cls, training: Training, readout: str) -> "Run":
        """Of one network of a training, one of `paths.READOUTS`."""
        return cls.read(paths.counts(training, readout), paths.history(training), paths.run_record(training), readout)


Runs = dict[tuple[str, str, int], Run]  # by (data set, loss, seed), complete in all three


def readouts(trainings: list[Training]) -> tuple[str, ...]:
    """The networks of which every training has counts: `last` alone for trainings from before the averaged one was kept."""
    return tuple(
        readout
        for readout in paths.READOUTS
        if readout == "last" or all(paths.counts(training, readout).is_file() for training in trainings)
    )


def load(trainings: list[Training]) -> dict[str, Runs]:
    """{network: all trainings} for the `readouts`."""
    return {readout: {training.key: Run.of(training, readout) for training in trainings} for readout in readouts(trainings)}


def decisive(readouts: Iterable[str]) -> str:
    """The network on which the verdict rests: the averaged one where there is one."""
    return max(readouts, key=paths.READOUTS.index)


def _history(table: Path, readout: str) -> pd.DataFrame:
    """The columns of one network, under the names that those of `last` have."""
    history = pd.read_csv(table)
    averaged = {column: column.removeprefix(_PREFIX) for column in history if column.startswith(_PREFIX)}
    if readout == "last":
        return history.drop(columns=list(averaged))
    if not averaged:
        raise CediceError(f"{table}: no columns of the averaged network; run the train stage again")
    return history.drop(columns=list(averaged.values())).rename(columns=averaged)


def seeds(runs: Runs, dataset: str) -> list[int]:
    """The seeds of a data set in their order."""
    return list(dict.fromkeys(seed for name, _, seed in runs if name == dataset))


def values(run: Run, name: str) -> dict[str, float]:
    """The headline values {"<metric>_<convention>": value} of the counts, held against the last epoch of the history:
    CediceError, with the ``name`` of the training, where they are of different ones. (The history is of the training's grid, so
    counts of the slices' own pixels cannot be.)"""
    found, last = {}, run.history.iloc[-1]
    for convention, headline in pooled_headline(run.counts).items():
        for metric, value in headline.items():
            key = f"{metric}_{convention}"
            differ = math.isnan(value) != math.isnan(last[key]) or abs(value - last[key]) > _AGREEMENT
            if differ and "grid" not in run.record:
                raise CediceError(
                    f"{name}: {metric} ({convention}) is {value:.4f} by the counts and {last[key]:.4f} by "
                    "the last epoch of the history; they are of different trainings: run the train and evaluate stages again"
                )
            found[key] = value
    return found
