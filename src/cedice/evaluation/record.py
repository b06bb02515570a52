"""The record of a study: what its trainings left, in Git, and the only thing that reports are made from.

Layout of `reports/<study>/record/<data set>/`, and of `reports/<study>/experiments/<name>/<data set>/`, which lacks what no
report of experiments reads:
  params.yaml         the parameters of these trainings
  data.json           `source`, what was obtained; `slices`, their counts and classes (`cedice.data.preprocess.summary`)
  slices.csv.gz       slice, volume, patient, frame of every slice that validates; an experiment on the same slices has none
  runs.json           a row a training: loss, seed, device, versions, settings, seconds, revision, hashes of data and weights
  history.csv         a row an epoch (`cedice.training.loop.train`)
  counts.csv.gz       TP, FP, FN, TN by slice and class (`cedice.evaluation.evaluate`)
  surfaces.csv.gz     border distances by slice and class (`cedice.evaluation.boundaries`)
  targets.csv.gz      what becomes of every connected true region (`cedice.evaluation.targets`)
  volumes.csv.gz      size and borders of every volume's classes (`cedice.evaluation.volumes`)
  calibration.csv.gz  sums of probabilities by patient, class and bin (`cedice.evaluation.calibration`)
  thresholds.csv.gz   TP, FP, FN by patient, class and threshold (`cedice.evaluation.thresholds`); trainings from before it was
                      kept have none
  errors.csv.gz       wrong pixels by distance to the true border (`cedice.evaluation.boundaries.error_profile`)
  epochs.csv.gz       TP, FP, FN by patient and class after each of the last epochs (`cedice.training.epochs`)
Every table begins with loss and seed, all but the history go on with readout (`cedice.paths.READOUTS`). Rows are ordered by
loss, seed and readout. `cedice.evaluation.gather` writes all of it.
"""

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from cedice.errors import CediceError
from cedice.tables import read_table

MEASURED = ("counts", "surfaces", "targets", "volumes", "calibration", "thresholds", "errors")  # by `evaluate`
TABLES = ("history", *MEASURED, "epochs")
KEYS = ["loss", "seed", "readout"]
Tables = dict[tuple[str, str, int], pd.DataFrame]  # by (data set, loss, seed)
NAMES = {"slice": ["volume", "patient"], "volume": ["patient", "frame"]}  # column → what else `slices` says of it


def file(folder: Path, table: str) -> Path:
    """Where a table lies in the ``folder`` of a data set."""
    return folder / (f"{table}.csv" if table == "history" else f"{table}.csv.gz")


def datasets(record: Path) -> list[str]:
    """The data sets of which the ``record``, or a kept experiment, has trainings, by name."""
    return sorted(path.parent.name for path in record.glob("*/runs.json"))


def runs(record: Path, dataset: str) -> list[dict[str, Any]]:
    """The rows of `runs.json`; CediceError where it is not readable."""
    path = record / dataset / "runs.json"
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return [{"loss": str(row["loss"]), "seed": int(row["seed"])} | row for row in rows]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CediceError(f"{path}: not a record of trainings ({error}); get it from Git, or run the gather stage") from error


def described(record: Path, dataset: str) -> dict[str, Any]:
    """`data.json`; CediceError where it is not readable."""
    path = record / dataset / "data.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {"source": found["source"], "slices": found["slices"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CediceError(f"{path}: not a record of slices ({error}); get it from Git, or run the gather stage") from error


def load(record: Path, table: str, datasets: Iterable[str]) -> pd.DataFrame:
    """One table of all ``datasets``: dataset, then the columns of the file, with what `slices` says of a slice or volume beside
    its name. CediceError where a file is missing or damaged."""
    parts = [_read(record / dataset, table) for dataset in datasets]
    for part, dataset in zip(parts, datasets, strict=True):
        part.insert(0, "dataset", dataset)
    return pd.concat(parts, ignore_index=True)


def has(record: Path, table: str, dataset: str) -> bool:
    """Whether there is this table of a data set: trainings from before it was kept have none."""
    return file(record / dataset, table).is_file()


def by_training(table: pd.DataFrame) -> Tables:
    """The rows of each training in a table of `load`, without the three columns that name it."""
    keys = ["dataset", *KEYS[:2]]
    parts = table.groupby(keys, sort=False)
    return {(key[0], key[1], int(key[2])): rows.drop(columns=keys).reset_index(drop=True) for key, rows in parts}


def by_network(table: pd.DataFrame) -> dict[str, Tables]:
    """{readout: `by_training`} of a table of `load`."""
    parts = table.groupby("readout", sort=False)
    return {str(readout): by_training(rows.drop(columns="readout")) for readout, rows in parts}


def _read(folder: Path, table: str) -> pd.DataFrame:
    path = file(folder, table)
    try:
        stamp = path.stat()
        return _cached(path, table, stamp.st_mtime_ns, stamp.st_size).copy()
    except (OSError, ValueError, KeyError) as error:
        raise CediceError(f"{path}: not a table of {table} ({error}); get it from Git, or run the gather stage") from error


def _with_slices(folder: Path) -> Path:
    """The folder of a data set that has its slices: for an experiment's without them the study's record."""
    return folder if file(folder, "slices").is_file() else folder.parents[2] / "record" / folder.name


@cache
def _cached(path: Path, table: str, *_: int) -> pd.DataFrame:
    rows = read_table(path)
    for key, names in NAMES.items():
        if key in rows and table != "slices":
            index = _read(_with_slices(path.parent), "slices").drop_duplicates(key).set_index(key)
            for place, name in enumerate(names, start=list(rows).index(key) + 1):
                rows.insert(place, name, rows[key].map(index[name]))
            break
    return rows
