"""Five trainings that validate a fold each are one table of all patients."""

import pandas as pd

from cedice.evaluation.folds import pooled


def table(name: str) -> pd.DataFrame:
    return pd.DataFrame({"patient": [name, f"{name}+"]})


def test_a_repeat_has_every_patient_once_in_the_order_of_folds():
    numbers = [1, 0, 2, 3, 4, 5]
    tables = {("acdc", loss, number): table(f"{number % 3}") for loss in ("ce", "ce_dl") for number in numbers}
    found = pooled(tables, {"acdc": 3})
    assert list(found) == [("acdc", loss, repeat) for loss in ("ce", "ce_dl") for repeat in (0, 1)]
    assert found["acdc", "ce", 1]["patient"].to_list() == ["0", "0+", "1", "1+", "2", "2+"]
    assert found["acdc", "ce", 0].equals(found["acdc", "ce_dl", 1])
    del tables["acdc", "ce", 4], tables["acdc", "ce_dl", 4]
    assert {repeat for _, _, repeat in pooled(tables, {"acdc": 3})} == {0}


def test_without_folds_nothing_changes():
    tables = {("covid19", "ce", seed): table(str(seed)) for seed in (3, 7)}
    found = pooled(tables, {"covid19": 1})
    assert found.keys() == tables.keys()
    assert all(found[key].equals(tables[key]) for key in tables)
