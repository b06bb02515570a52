"""What is kept of the trainings of a study: counts, history and record of one, and its headline values."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from cedice import paths
from cedice.errors import CediceError
from cedice.evaluation.counts import load_counts, pooled_headline
from cedice.paths import Training

LAST_EPOCHS = 10
_AGREEMENT = 2e-3  # evaluation on another device turns a few pixels in a thousand, another training many more


@dataclass(frozen=True)
class Run:
    """What is kept of one training: its counts table, its history, its run record."""

    counts: pd.DataFrame
    history: pd.DataFrame
    record: dict[str, Any]

    @classmethod
    def read(cls, counts: Path, history: Path, record: Path) -> "Run":
        """From its three files; CediceError for damaged counts."""
        described = json.loads(record.read_text(encoding="utf-8"))
        return cls(load_counts(counts, described["settings"]["classes"]), pd.read_csv(history), described)

    @classmethod
    def of(cls, training: Training) -> "Run":
        """Of one training."""
        return cls.read(paths.counts(training), paths.history(training), paths.run_record(training))


Runs = dict[tuple[str, str, int], Run]  # by (data set, loss, seed), complete in all three


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
