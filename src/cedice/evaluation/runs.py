"""What a record keeps of the trainings of a study: counts, history and record of one, and its headline values."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from cedice import paths
from cedice.errors import CediceError
from cedice.evaluation import record
from cedice.evaluation.counts import check_counts, pooled_headline

_AGREEMENT = 2e-3  # evaluation on another device turns a few pixels in a thousand, another training many more
_PREFIX = "averaged_"  # of the history's columns of the averaged network


@dataclass(frozen=True)
class Run:
    """What is kept of one network of a training: its counts table, its row of `runs.json`, and its history: the epochs after
    which all trainings of the data set were validated, the last ones always (`cedice.training.validation.due`)."""

    counts: pd.DataFrame
    history: pd.DataFrame
    record: dict[str, Any]

    @property
    def epochs(self) -> int:
        """How many it was trained for."""
        return int(self.history["epoch"].iloc[-1])


Runs = dict[tuple[str, str, int], Run]  # by (data set, loss, seed)


def load(folder: Path, datasets: Iterable[str]) -> dict[str, Runs]:
    """{network: all trainings} of the ``datasets`` in a record, or in a kept experiment; CediceError for damaged counts, and
    for a history without one of the networks."""
    datasets = list(datasets)
    records = {(name, row["loss"], row["seed"]): row for name in datasets for row in record.runs(folder, name)}
    counts, histories = (record.load(folder, table, datasets) for table in ("counts", "history"))
    for name, rows in counts.groupby("dataset", sort=False):
        check_counts(rows, records[next(key for key in records if key[0] == name)]["settings"]["classes"], f"{folder / name}")
    tables, kept = record.by_network(counts), record.by_training(_compared(histories))
    return {
        readout: {
            key: Run(tables[readout][key], _history(kept[key], readout, f"{folder / key[0]}"), records[key]) for key in records
        }
        for readout in paths.READOUTS
        if readout in tables
    }


def decisive(readouts: Iterable[str]) -> str:
    """The network on which the verdict rests: the averaged one where there is one."""
    return max(readouts, key=paths.READOUTS.index)


def _compared(histories: pd.DataFrame) -> pd.DataFrame:
    validated = histories[histories["collapsed"].notna()]
    trainings = validated.groupby(["dataset", "epoch"])["epoch"].transform("size")
    return validated[trainings == trainings.groupby(validated["dataset"]).transform("max")]


def _history(history: pd.DataFrame, readout: str, where: str) -> pd.DataFrame:
    """The columns of one network, under the names that those of `last` have."""
    averaged = {column: column.removeprefix(_PREFIX) for column in history if column.startswith(_PREFIX)}
    if readout == "last":
        return history.drop(columns=list(averaged))
    if not averaged:
        raise CediceError(f"{where}: the history has no columns of the averaged network; run the train stage again")
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
