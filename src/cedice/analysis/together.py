"""Numbers a patient of many trainings in one call, since pandas takes longer to be called than to compute."""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any, TypeVar

import numpy as np
import pandas as pd

Key = TypeVar("Key")


def together(of: Callable[[Any], pd.DataFrame], trainings: dict[Key, Any]) -> dict[Key, pd.DataFrame]:
    """{training: of(tables)}, the same as by a call for each of the ``trainings``.

    Their tables stand in the fields of a dataclass, None in all trainings or in none. ``of`` gives a row a patient, and is
    called once: with each table of all trainings, in which slices, volumes and patients are numbers, other ones in every
    training.
    """
    first, count = next(iter(trainings.values())), len(trainings)
    stacked: dict[str, pd.DataFrame] = {}
    lengths: dict[str, list[int]] = {}
    for field in fields(first):
        tables = [getattr(tables, field.name) for tables in trainings.values()]
        if any(table is not None for table in tables):
            stacked[field.name] = pd.concat(tables, ignore_index=True)
            lengths[field.name] = [len(table) for table in tables]
    patients = pd.Index([])
    for column in ("slice", "volume", "patient"):
        having = {name: table for name, table in stacked.items() if column in table}
        numbers, patients = pd.factorize(pd.concat([table[column] for table in having.values()]))  # patients come last
        ends = np.cumsum([len(table) for table in having.values()])
        for (name, table), of_table in zip(having.items(), np.split(numbers, ends[:-1]), strict=True):
            table[column] = of_table * count + np.repeat(np.arange(count), lengths[name])
    found = of(replace(first, **stacked))
    place, training = np.divmod(found.index.to_numpy(), count)
    found.index = patients.take(place).rename("patient")
    return {key: found[training == number] for number, key in enumerate(trainings)}
