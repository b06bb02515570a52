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
from cedice.paths import READOUTS, Training

_AVERAGED = "averaged_"
_AGREEMENT = 2e-3  # evaluation on another device turns a few pixels in a thousand, another training many more


@dataclass(frozen=True)
class Run:
    """What is kept of one training: its counts table, its history, its run record."""

    counts: pd.DataFrame
    history: pd.DataFrame
    record: dict[str, Any]

    @classmethod
    def read(cls, counts: Path, history: Path, record: Path, readout: str) -> "Run":
        """Of one of the training's networks, from three files: the ``counts`` are its own, and of the history's columns those
        of the other network are left out. CediceError for damaged counts."""
        described = json.loads(record.read_text(encoding="utf-8"))
        return cls(load_counts(counts, described["settings"]["classes"]), _of(pd.read_csv(history), readout), described)

    @classmethod
    def of(cls, training: Training, readout: str) -> "Run":
        """Of one of a training's networks."""
        return cls.read(paths.counts(training, readout), paths.history(training), paths.run_record(training), readout)


Runs = dict[tuple[str, str, int], Run]  # by (data set, loss, seed), complete in all three


def readouts(trainings: Iterable[Training]) -> list[str]:
    """The networks of which there are counts of all ``trainings``."""
    return [readout for readout in READOUTS if all(paths.counts(training, readout).is_file() for training in trainings)]


def _of(history: pd.DataFrame, readout: str) -> pd.DataFrame:
    averaged = [column for column in history if column.startswith(_AVERAGED)]
    if readout == "last":
        return history.drop(columns=averaged)
    of_last = [column.removeprefix(_AVERAGED) for column in averaged]
    return history.drop(columns=of_last).rename(columns=dict(zip(averaged, of_last, strict=True)))


def seeds(runs: Runs) -> list[int]:
    """The seeds in their order."""
    return list(dict.fromkeys(seed for _, _, seed in runs))


def values(run: Run, name: str) -> dict[str, float]:
    """The headline values {"<metric>_<convention>": value} of the counts, held against the last epoch of the history:
    CediceError, with the ``name`` of the training, where they are of different ones."""
    found, last = {}, run.history.iloc[-1]
    for convention, headline in pooled_headline(run.counts).items():
        for metric, value in headline.items():
            key = f"{metric}_{convention}"
            if math.isnan(value) != math.isnan(last[key]) or abs(value - last[key]) > _AGREEMENT:
                raise CediceError(
                    f"{name}: {metric} ({convention}) is {value:.4f} by the counts and {last[key]:.4f} by "
                    "the last epoch of the history; they are of different trainings: run the train and evaluate stages again"
                )
            found[key] = value
    return found
