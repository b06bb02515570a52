"""One comparison for trainings that validate the same patients, and for those that validate a fold each."""

from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest

from cedice.analysis.compared import compare, corrected, influence
from cedice.analysis.nested import Nested, nested
from cedice.analysis.statistics import holm, limits, paired


def tables(folds: int, repeats: int, units: int = 6, seed: int = 0) -> tuple[dict, list[np.ndarray]]:
    """Of training number k those of fold k modulo ``folds``; and the differences, (repeats, units) of each fold."""
    random, found = np.random.default_rng(seed), {}
    for number in range(folds * repeats):
        names = [f"{number % folds}-{unit}" for unit in range(units)]
        for loss in ("ce", "ce_dl"):
            found[loss, number] = pd.DataFrame({"dice": random.random(units)}, index=names)
    differences = [found["ce_dl", number]["dice"] - found["ce", number]["dice"] for number in range(folds * repeats)]
    return found, [np.stack(differences[fold::folds]) for fold in range(folds)]


@pytest.mark.parametrize("repeats", [1, 2])
def test_folds_are_nested_by_the_numbers_of_trainings(repeats):
    found, differences = tables(5, repeats)
    result = compare(found, "dice", 0.01, 5)
    expected = nested(differences, 0.01)
    assert isinstance(result, Nested)
    assert asdict(result) == pytest.approx(asdict(expected), nan_ok=True)
    assert (result.units, result.seeds, result.folds) == (30, 5 * repeats, 5)


def test_without_folds_trainings_and_patients_are_crossed():
    found, differences = tables(1, 3)
    assert compare(found, "dice", 0.01, 1) == paired(differences[0], 0.01)


def test_trainings_of_one_fold_alone_are_crossed_and_one_of_them_says_nothing_of_others():
    found, differences = tables(1, 2)
    renumbered = {(loss, 5 * number): table for (loss, number), table in found.items()}
    assert compare(renumbered, "dice", 0.01, 5) == paired(differences[0], 0.01)
    assert np.isnan(compare({key: table for key, table in found.items() if key[1] == 0}, "dice", 0.01, 5).p)


def test_patients_without_the_measure_are_left_out_of_all_trainings_of_their_fold():
    found, differences = tables(5, 2)
    found["ce", 7].loc["2-3", "dice"] = np.nan
    differences[2] = np.delete(differences[2], 3, axis=1)
    assert asdict(compare(found, "dice", 0.01, 5)) == pytest.approx(asdict(nested(differences, 0.01)), nan_ok=True)
    for number in range(10):
        if number % 5:
            found["ce", number]["dice"] = np.nan
    result = compare(found, "dice", 0.01, 5)
    assert (result.units, result.seeds) == (6, 10)
    assert np.isnan(result.mean)  # one fold alone has it


def test_the_unit_that_carries_most_of_a_mean_is_named_with_its_share():
    """Without folds a unit's own difference over the sum; with folds those of a small fold weigh more."""
    zero = pd.DataFrame({"dice": [0.0, 0.0, 0.0]}, index=list("abc"))
    gains = pd.DataFrame({"dice": [0.25, -0.125, 0.375]}, index=list("abc"))
    one = {("ce", 0): zero, ("ce_dl", 0): gains, ("ce", 1): zero, ("ce_dl", 1): gains}
    assert influence(one, "dice", 1) == {"influential": "c", "influence": 0.375 / 0.5}
    loss = {key: -table for key, table in one.items()}
    assert influence(loss, "dice", 1) == {"influential": "c", "influence": 0.75}
    nested_ = {("ce", 0): zero, ("ce_dl", 0): gains}
    nested_ |= {(loss, 1): table.iloc[:1].set_axis(["d"]) for (loss, _), table in nested_.items()}
    assert influence(nested_, "dice", 2) == {"influential": "d", "influence": pytest.approx(0.25 / (0.25 + 0.5 / 3))}
    assert influence(dict.fromkeys(one, zero), "dice", 1)["influential"] is None


def test_a_family_is_corrected_by_itself_and_a_predicted_sign_decides_the_word():
    rows = [
        {
            "measure": name,
            "family": family,
            "mean": mean,
            "error": 0.1,
            "freedom": 4.0,
            "p": p,
            "p_equal": np.nan,
            "units": 20,
            "seeds": 5,
        }
        for name, family, mean, p in (("a", "x", 1, 0.01), ("b", "x", 1, 0.02), ("c", "y", -1, 0.03), ("d", "y", 0.1, np.nan))
    ]
    found = corrected(pd.DataFrame(rows), {"a": 1, "b": -1, "c": -1, "d": 1})
    assert found["p"].to_list()[:3] == pytest.approx([*holm([0.01, 0.02]), 0.03])
    assert found["verdict"].to_list() == ["confirmed", "contradicted", "confirmed", "not testable"]


@pytest.mark.parametrize(
    ("units", "seeds", "folds", "verdicts"),
    [
        (10, 3, np.nan, ["confirmed, within the margin", "no difference that matters", "not confirmed"]),
        (9, 5, np.nan, ["confirmed", "too few to tell", "too few to tell"]),
        (50, 2, np.nan, ["confirmed", "too few to tell", "too few to tell"]),
        (50, 4, 2.0, ["confirmed", "too few to tell", "too few to tell"]),  # two trainings of each of two folds
        (50, 5, 5.0, ["confirmed, within the margin", "no difference that matters", "not confirmed"]),
    ],
)
def test_of_few_units_or_trainings_a_clear_difference_alone_is_told(units, seeds, folds, verdicts):
    rows = [
        {"measure": "a", "family": name, "mean": 0.01, "error": 0.1, "freedom": 4.0, "p": p, "p_equal": equal}
        for name, p, equal in (("x", 0.01, 0.01), ("y", 0.5, 0.01), ("z", 0.5, 0.5))
    ]
    found = corrected(pd.DataFrame(rows).assign(units=units, seeds=seeds, folds=folds), {"a": 1})
    assert found["verdict"].to_list() == verdicts


def test_borders_of_two_seeds_and_six_slices_are_no_equivalence():
    """As a user met it: margin 0.02, a 95 % interval of −0.034 … +0.035; the 90 % interval lies within, with one degree of
    freedom, and 0.16 could be detected."""
    random = np.random.default_rng(0)
    names = [f"s{number}" for number in range(6)]
    base = random.random(6)
    found = {("ce", seed): pd.DataFrame({"border": base}, index=names) for seed in (0, 1)}
    rest = np.array([0.01, -0.01, 0.01, -0.01, 0.01, -0.01]) / 2
    for seed, shift in ((0, 0.0032), (1, -0.0022)):
        found["ce_dl", seed] = pd.DataFrame({"border": base + shift + rest * (-1) ** seed}, index=names)
    result = compare(found, "border", 0.02, 1)
    assert (result.low, result.high) == pytest.approx((0.0005 - 0.0027 * 12.706, 0.0005 + 0.0027 * 12.706), abs=1e-4)
    assert limits(result.mean, result.error, result.freedom, 0.1) == pytest.approx(
        (0.0005 - 0.0027 * 6.314, 0.0005 + 0.0027 * 6.314), abs=1e-4
    )
    assert result.p_equal < 0.05
    judged = corrected(pd.DataFrame([{"measure": "border", "family": "secondary"} | asdict(result)]), {"border": 1})
    assert judged["verdict"].to_list() == ["too few to tell"]
