"""Numbers a patient of many trainings in one call, since pandas takes longer to be called than to compute."""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any, TypeVar

import numpy as np
import pandas as pd

NAMED = ("slice", "volume", "patient")
Key = TypeVar("Key")


def together(of: Callable[[Any], pd.DataFrame], trainings: dict[Key, Any]) -> dict[Key, pd.DataFrame]:
    """{training: of(tables)}, the same as by a call for each of the ``trainings``.

    Their tables stand in the fields of a dataclass, the first in full, others may be None in all of them. ``of`` gives a row a
    patient, and is called once: with each table of all trainings, in which slices, volumes and patients are numbers, other ones
    in every training.
    """
    first = next(iter(trainings.values()))
    names = {column: pd.Index([], dtype=str) for column in NAMED}
    stacked: dict[str, pd.DataFrame] = {}
    for field in fields(first):
        tables = [getattr(tables, field.name) for tables in trainings.values()]
        if tables[0] is None:
            continue
        whole = pd.concat(tables, ignore_index=True)
        training = np.repeat(np.arange(len(tables)), [len(table) for table in tables])
        for column in names.keys() & whole.columns:
            if names[column].empty:
                names[column] = pd.Index(whole[column].unique())
            whole[column] = training * len(names[column]) + names[column].get_indexer(whole[column])
        stacked[field.name] = whole
    found = of(replace(first, **stacked))
    patients = names["patient"].rename("patient")
    training, place = np.divmod(found.index.to_numpy(), len(patients))
    found.index = patients.take(place)
    return {key: found[training == number] for number, key in enumerate(trainings)}
