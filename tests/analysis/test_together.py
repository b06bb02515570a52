"""One call for all trainings gives what a call for each gives."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cedice.analysis.together import together
from cedice.analysis.verdict import Measured, patients
from cedice.evaluation.boundaries import TOLERANCES


def measured(seed: int, names: list[str]) -> Measured:
    """Two slices a patient and two classes; borders and targets in an order of their own, and of one slice more."""
    random = np.random.default_rng(seed)
    places = [(f"{name}_{number}", f"{name}_v", name, label) for name in names for number in (0, 1) for label in (0, 1)]
    counts = pd.DataFrame(places, columns=["slice", "volume", "patient", "class"])
    counts[["tp", "fp", "fn", "tn"]] = random.integers(0, 50, (len(counts), 4))
    more = pd.DataFrame([("z_0", "z_v", "z", 1)], columns=["slice", "volume", "patient", "class"])
    foreground = pd.concat([counts[counts["class"] == 1].iloc[::-1, :4], more], ignore_index=True)
    surfaces = foreground.assign(**{f"surface_dice_{each}": random.random(len(foreground)) for each in TOLERANCES})
    sizes = random.integers(1, 900, (len(foreground), 3)).T
    targets = foreground.assign(pixels=sizes[0], hits=np.minimum(sizes[0], sizes[1]), predicted=sizes[1] + sizes[2])
    return Measured(counts, surfaces, targets)


def test_it_gives_what_single_calls_give():
    """Of trainings that validate other patients in other orders, too."""
    order = {("ce", 0): ["b", "a"], ("ce_dl", 0): ["b", "a"], ("ce", 1): ["c", "a", "d"], ("ce_dl", 1): ["d"]}
    trainings = {key: measured(number, names) for number, (key, names) in enumerate(order.items())}
    found = together(patients, trainings)
    assert list(found) == list(order)
    for key, tables in trainings.items():
        pd.testing.assert_frame_equal(found[key], patients(tables))
        assert found[key].index.to_list() == order[key]


@dataclass(frozen=True)
class Some:
    counts: pd.DataFrame
    bins: pd.DataFrame | None


def test_a_table_may_be_lacking_in_all():
    def of(tables: Some) -> pd.DataFrame:
        assert tables.bins is None
        return tables.counts.groupby("patient", sort=False)[["n"]].sum()

    tables = {
        number: Some(pd.DataFrame({"slice": ["s"], "volume": ["v"], "patient": ["p"], "n": [number]}), None)
        for number in (3, 4)
    }
    assert {key: table.loc["p", "n"] for key, table in together(of, tables).items()} == {3: 3, 4: 4}
