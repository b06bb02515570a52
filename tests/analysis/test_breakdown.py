"""Where the losses differ: means by class and by size, paired over the seeds, of the same places only."""

import math

import numpy as np
import pandas as pd
import pytest

from cedice.analysis import breakdown
from cedice.errors import CediceError
from cedice.evaluation.boundaries import MEASURES
from cedice.reporting.breakdown import markdown


def surfaces(values: list[float]) -> pd.DataFrame:
    """Slices of one class with these ASSD; the other measures follow from it. NaN: the class is in neither map, ∞: in one."""
    rows = [
        {"slice": f"s{number}", "volume": "v", "patient": "p", "class": 1, "unit": "pixel"} for number in range(len(values))
    ]
    table = pd.DataFrame(rows)
    for measure in MEASURES:
        table[measure] = values
    for tolerance in (1, 2, 3):
        table[f"surface_dice_{tolerance}"] = [math.nan if math.isnan(value) else float(value <= tolerance) for value in values]
    return table


def counts_of(table: pd.DataFrame) -> pd.DataFrame:
    """The class truly is on slices 0, 1 and 3; it is marked where its distances are finite, and where they are not and it is
    not there."""
    there, finite, one_sided = table["slice"].isin(["s0", "s1", "s3"]), np.isfinite(table["assd"]), np.isinf(table["assd"])
    rows = table[["slice", "class"]].assign(tp=5 * finite, fp=5 * (one_sided & ~there), fn=5 * (one_sided & there))
    return pd.concat([rows, rows.assign(**{"class": 0, "tp": 90})])


def test_borders_by_hand():
    """Slice 2 lacks the class: a mark on it is a false mark and no border; slice 3 has it: no mark on it is a border of 0."""
    tables = {
        ("acdc", "ce", 0): surfaces([1.0, 3.0, math.nan, math.inf]),
        ("acdc", "ce", 1): surfaces([2.0, 2.0, math.nan, 2.0]),
        ("acdc", "ce_dl", 0): surfaces([1.0, 1.0, math.inf, 1.0]),
        ("acdc", "ce_dl", 1): surfaces([1.0, 1.0, math.nan, 4.0]),
    }
    found = breakdown.borders(tables, {key: counts_of(table) for key, table in tables.items()}).set_index("measure")
    assert found["n"].to_dict() == dict.fromkeys(found.index, 3) | {"false_marks": 1}
    assert found.loc["assd", ["ce_mean", "ce_dl_mean", "difference_mean"]].tolist() == [2.0, 1.5, -0.5]
    assert found.loc["assd", "difference_std"] == pytest.approx(np.std([-1, 0], ddof=1), abs=1e-6)
    assert found.loc["missed", ["ce_mean", "ce_dl_mean"]].tolist() == pytest.approx([1 / 6, 0], abs=1e-6)
    assert found.loc["false_marks", ["ce_mean", "ce_dl_mean"]].tolist() == [0, 0.5]
    assert found.loc["surface_dice_2", "ce_mean"] == pytest.approx((1 / 3 + 1) / 2, abs=1e-6)
    assert found.loc["surface_dice_2", "ce_dl_mean"] == pytest.approx((1 + 2 / 3) / 2, abs=1e-6)
    text = markdown(
        found.reset_index(), targets_frame(), levels_frame(), "averaged", "small", False, {"acdc": ("background", "heart")}
    )
    assert "| ACDC | heart | 3 | ASSD | pixel | 2.0000 ± 0.0000 | 1.5000 ± 0.7071 | -0.5000 ± 0.7071 |" in text
    assert "| ACDC | basal | heart | 3 | Dice | 0.6667 | 1.0000 | +0.3333 |" in text
    assert "network: averaged" in text
    assert "ynthetic" not in text


def regions(hits: list[int], predicted: list[int]) -> pd.DataFrame:
    sizes = [10, 20, 30]
    keys = {"slice": "s", "volume": "v", "patient": "p", "class": 1, "target": range(1, 4)}
    return pd.DataFrame(keys | {"pixels": sizes, "hits": hits, "predicted": predicted})


def targets_frame() -> pd.DataFrame:
    return breakdown.by_size(
        {("acdc", "ce", 0): regions([0, 10, 30], [0, 20, 30]), ("acdc", "ce_dl", 0): regions([5, 20, 0], [10, 20, 0])}
    )


def test_targets_by_hand():
    found = targets_frame().set_index(["pixels", "measure"])
    assert found.index.unique("pixels").to_list() == ["1–24", "25–99"]  # no row for bins without targets
    assert found.loc["1–24", "n"].to_list() == [2, 2, 2]
    assert found.loc[("1–24", "dice"), "ce_mean"] == pytest.approx((0 + 0.5) / 2)
    assert found.loc[("1–24", "recall"), "ce_dl_mean"] == pytest.approx((0.5 + 1) / 2)
    assert found.loc[("1–24", "missed"), "difference_mean"] == pytest.approx(-0.5)
    assert found.loc[("25–99", "missed"), ["ce_mean", "ce_dl_mean"]].tolist() == [0, 1]
    assert math.isnan(found.loc[("25–99", "dice"), "ce_std"])  # one seed has no spread


def levels_frame() -> pd.DataFrame:
    """Volume a narrows upwards, b downwards, c is too short; a slice without the heart belongs to no part."""
    sizes = {"a": [0, 90, 80, 40, 30, 10, 10], "b": [20, 50, 80], "c": [10, 20]}
    tables = {}
    for loss, found in (("ce", 0.5), ("ce_dl", 1.0)):
        rows = []
        for volume, pixels in sizes.items():
            for number, size in enumerate(pixels):
                keys = {"slice": f"{volume}{number}", "volume": volume, "patient": volume}
                hits = int(size * found) if number else size
                rows.append(keys | {"class": 0, "tp": 100 - size, "fp": size - hits, "fn": 0, "tn": hits})
                rows.append(keys | {"class": 1, "tp": hits, "fp": 0, "fn": size - hits, "tn": 100 - size})
        tables["acdc", loss, 0] = pd.DataFrame(rows)
    return breakdown.by_level(tables)


def test_levels_by_hand():
    found = levels_frame().set_index("level")
    assert found["n"].to_dict() == {"basal": 3, "middle": 3, "apical": 3}
    assert found.loc["basal", "ce_mean"] == pytest.approx(2 * 125 / (2 * 125 + 125))  # a1, a2 and b2: half of each
    assert found.loc["apical", "ce_mean"] == pytest.approx(2 * 30 / (2 * 30 + 10), abs=1e-6)  # a5, a6 and all of b0
    assert (found["ce_dl_mean"] == 1).all()


def test_single_slices_have_no_levels():
    counts = pd.DataFrame({"slice": ["s"] * 2, "volume": "v", "patient": "p", "class": [0, 1], "tp": 5, "fp": 0, "fn": 0})
    assert breakdown.by_level({("covid19", "ce", 0): counts, ("covid19", "ce_dl", 0): counts}).empty


def test_trainings_on_different_slices_are_not_compared():
    tables = {("acdc", "ce", 0): surfaces([1.0, 2.0]), ("acdc", "ce_dl", 0): surfaces([1.0])}
    with pytest.raises(CediceError, match="surfaces of acdc ce_dl 0 and of acdc ce 0 are of different slices"):
        breakdown.borders(tables, {})
