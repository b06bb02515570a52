"""What experts ask, worked by hand."""

import numpy as np
import pandas as pd
import pytest

from cedice.analysis import beyond
from cedice.analysis.beyond import Asked
from cedice.evaluation import calibration, volumes
from cedice.reporting.beyond import beyond as section

CLASSES = ("background", "right ventricle", "myocardium", "left ventricle")


def heart(
    boxes: list[tuple[int, int]], marked: list[tuple[int, int]], patient: str, frame: str, millimetres: tuple[float, ...]
):
    """Two slices of a left ventricle of rows × columns each, and as they are marked: labels, masks and their index."""
    masks, labels = (np.zeros((2, 20, 20), np.uint8) for _ in range(2))
    for number, (box, other) in enumerate(zip(boxes, marked, strict=True)):
        masks[number, : box[0], : box[1]] = 3
        labels[number, : other[0], : other[1]] = 3
    place = {"volume": f"{patient}_{frame}", "patient": patient, "frame": frame, "spacing_unit": "mm"}
    place |= dict(zip(("spacing_slices", "spacing_rows", "spacing_columns"), millimetres, strict=True))
    return labels, masks, pd.DataFrame([place | {"native_height": 20, "native_width": 20}] * 2)


def three_patients() -> pd.DataFrame:
    """Diastole and systole of three; the second's frames stand in the other order."""
    parts = [
        # 10·8 + 6·5 = 110 voxels of 10 · 1.5 · 1.5 = 22.5 mm³ at diastole, 8·5 + 4·1 = 44 at systole; marked 100 and 50
        heart([(10, 8), (6, 5)], [(10, 8), (4, 5)], "a", "frame01", (10, 1.5, 1.5)),
        heart([(8, 5), (4, 1)], [(8, 5), (5, 2)], "a", "frame10", (10, 1.5, 1.5)),
        # 20 at systole, 50 at diastole, of 5 · 2 · 1 = 10 mm³; marked 20 and 40
        heart([(4, 5), (0, 0)], [(4, 5), (0, 0)], "b", "frame01", (5, 2, 1)),
        heart([(5, 6), (4, 5)], [(5, 4), (4, 5)], "b", "frame09", (5, 2, 1)),
        # 200 and 80 of 8 mm³; marked 240 and 60
        heart([(10, 10), (10, 10)], [(12, 10), (12, 10)], "c", "frame01", (8, 1, 1)),
        heart([(8, 5), (8, 5)], [(6, 5), (6, 5)], "c", "frame12", (8, 1, 1)),
    ]
    labels, masks, places = zip(*parts, strict=True)
    return volumes.table(np.concatenate(labels), np.concatenate(masks), pd.concat(places, ignore_index=True), 4)


def test_ejection_fractions_of_three_patients_by_hand():
    table = three_patients()
    found = beyond.ejection_fractions(table[table["class"] == 3])
    assert found["truth"].to_dict() == pytest.approx({"a": 1 - 44 / 110, "b": 1 - 20 / 50, "c": 1 - 80 / 200})  # 60 % each
    assert found["predicted"].to_dict() == pytest.approx({"a": 1 - 50 / 100, "b": 1 - 20 / 40, "c": 1 - 60 / 240})


def test_volumes_of_three_patients_by_hand():
    rows = beyond.patients(Asked(counts(three_patients()), three_patients(), None, None), CLASSES)
    assert rows["ejection_fraction"].to_dict() == pytest.approx({"a": 10, "b": 10, "c": 15})  # percentage points
    # Voxels too many: (100 − 110 + 50 − 44) / 2 of 0.0225 ml; (20 − 20 + 40 − 50) / 2 of 0.01; (240 − 200 + 60 − 80) / 2
    assert rows["volume_3"].to_dict() == pytest.approx({"a": -2 * 0.0225, "b": -5 * 0.01, "c": 10 * 0.008})
    assert rows["volume_1"].to_list() == [0, 0, 0]
    assert rows["ece"].isna().all()


def counts(table: pd.DataFrame) -> pd.DataFrame:
    """One slice a volume."""
    rows = table.assign(slice=table["volume"], tp=table[["truth", "predicted"]].min(axis=1))
    return rows.assign(fp=rows["predicted"] - rows["tp"], fn=rows["truth"] - rows["tp"])


def test_slices_without_the_structure_by_hand():
    """p: class 1 lacks on two slices and is marked on one, class 2 lacks on one and is not; q has both everywhere."""
    rows = [("p", 1, 0, 5, 0), ("p", 2, 0, 0, 0), ("p", 1, 0, 0, 0), ("p", 2, 3, 4, 0), ("q", 1, 9, 9, 9), ("q", 2, 0, 7, 1)]
    table = pd.DataFrame(rows, columns=["patient", "class", "tp", "fp", "fn"]).assign(slice=["a", "a", "b", "b", "c", "c"])
    table = pd.concat([table, pd.DataFrame({"patient": ["p", "q"], "class": 0, "tp": 0, "fp": 3, "fn": 0})], ignore_index=True)
    found = beyond.patients(Asked(table, None, None, None), ("background", "one", "two"))["false_positives"]
    assert found["p"] == pytest.approx(1 / 3)
    assert np.isnan(found["q"])


def test_calibration_and_borders_come_from_their_tables():
    table = three_patients()
    sums = np.zeros((3, 3, calibration.BINS, 4))
    sums[:, :, 3] = 100, 20, 10, 5
    bins = calibration.table(sums, pd.DataFrame({"patient": ["a", "b", "c"]}))
    epochs = pd.MultiIndex.from_product([[9, 10], ["a", "b", "c"]], names=["epoch", "patient"])
    late = pd.DataFrame({"dice": [0.5, 0.6, 0.7, 0.7, np.nan, 0.9]}, epochs)
    found = beyond.patients(Asked(counts(table), table, bins, late), CLASSES)
    assert found["late"].to_list() == pytest.approx([0.6, np.nan, 0.8], nan_ok=True)
    assert found[["ece", "mce", "brier", "ece_image", "mce_image"]].loc["b"].to_list() == pytest.approx(
        [0.1, 0.1, 0.05, 0.1, 0.1]
    )
    means = table[table["class"] == 3].groupby("patient")["hd95"].mean()
    assert found["hd95"].to_dict() == pytest.approx(means.to_dict())
    assert set(found) == set(beyond.questions(CLASSES))


def test_a_patient_without_two_frames_or_without_a_ventricle_has_no_ejection_fraction():
    table = three_patients()
    table.loc[table["volume"] == "b_frame09", "predicted"] = 0
    found = beyond.patients(Asked(counts(table), table[table["volume"] != "c_frame12"], None, None), CLASSES)
    assert found["ejection_fraction"].isna().to_dict() == {"a": False, "b": True, "c": True}
    others = ("background", "x", "y", "z")
    assert beyond.patients(Asked(counts(table), table, None, None), others)["ejection_fraction"].isna().all()


def test_what_is_measured_is_judged_as_a_family_of_its_own():
    study = {}
    for seed in range(3):
        for loss, more in (("ce", 0), ("ce_dl", 1)):
            table = three_patients()
            table["predicted"] += more * (50 + seed)
            study["acdc", loss, seed] = Asked(counts(table), table, None, None)
    found = beyond.judge(study, {"acdc": CLASSES}, {"acdc": "patient"}, {"acdc": 1}).set_index("measure")
    assert set(found["family"]) == {"beyond"}
    assert "ece" not in found.index  # there are no bins
    assert found.loc["volume_3", "mean"] == pytest.approx(51 * np.mean([0.0225, 0.01, 0.008]))
    assert found.loc["surface_dice", "verdict"] == "too few to tell"  # no difference, in three patients
    text = "\n".join(section(found.reset_index().to_dict("records")))
    assert "## Beyond the paper" in text
    assert "| ACDC | enlarges the left ventricle (ml) | **" in text
    assert beyond.judge({}, {}, {}, {}).empty
    assert section([]) == []
