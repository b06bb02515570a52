"""Names in tables stay names, whatever pandas would take them for."""

import pandas as pd
import pytest

from cedice.errors import CediceError
from cedice.evaluation.counts import check_units, load_counts
from cedice.tables import read_table

NAMES = ["NA", "None", "nan", "1e5", "007", "", " a b ", "a,b", 'a"b', "True", "-1", "nan ", "José", "N/A", "null", "1_000"]


def test_names_come_back_as_they_were_written(tmp_path):
    table = pd.DataFrame({"slice": NAMES, "patient": NAMES, "frame": NAMES, "tp": range(len(NAMES)), "hd95": None})
    table.to_csv(tmp_path / "table.csv", index=False, na_rep="nan")
    again = read_table(tmp_path / "table.csv")
    for column in ("slice", "patient", "frame"):
        assert again[column].to_list() == NAMES
    assert again["tp"].to_list() == list(range(len(NAMES)))
    assert again["hd95"].isna().all()


def test_counts_are_of_as_many_patients_as_the_record_says(tmp_path):
    """Fifteen patients, three of whom are called NA, None and nan: none may get lost on the way to the verdict."""
    rows = [
        {"slice": name, "volume": name, "patient": name, "class": label, "tp": 1, "fp": 1, "fn": 1, "tn": 1}
        for name in NAMES[:3]
        for label in (0, 1)
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "counts.csv", index=False)
    counts = load_counts(tmp_path / "counts.csv", 2)
    check_units({("ce", 0): counts}, 3, 1, "acdc")
    with pytest.raises(CediceError, match=r"counts of 3 patients, but 4 validate by the record of the slices; run"):
        check_units({("ce", 0): counts}, 4, 1, "acdc")


def test_with_folds_all_of_them_together_are_as_many_and_nobody_is_in_two():
    folds = {
        (loss, seed): pd.DataFrame({"patient": [f"{fold}a", f"{fold}b"]})
        for loss in ("ce", "ce_dl")
        for seed, fold in ((0, 0), (1, 1), (2, 0))
    }
    check_units(folds, 4, 2, "acdc")
    check_units({("ce", 0): folds["ce", 0]}, 4, 2, "acdc")  # the other fold is not there yet
    with pytest.raises(CediceError, match="acdc all 2 folds: counts of 4 patients, but 5 validate"):
        check_units(folds, 5, 2, "acdc")
    with pytest.raises(CediceError, match="acdc: counts of 2 patients in two folds"):
        check_units(folds | {("ce", 1): folds["ce", 0]}, 4, 2, "acdc")
