"""The convention audit: every average by an independent way, and the identities that tell them apart."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest

from cedice.analysis import conventions
from cedice.errors import CediceError
from cedice.evaluation.counts import pooled_headline
from cedice.paper import TABLE_1
from cedice.reporting.conventions import markdown

CLASSES, SLICES = 3, 10


def table(seed: int, worse: float = 1.0) -> pd.DataFrame:
    """Counts of random label maps, two volumes of five slices; class 2 is absent from slice 3, truly and predicted."""
    random = np.random.default_rng(seed)
    rows = []
    for number in range(SLICES):
        present = 2 if number == 3 else CLASSES
        shares = np.array([0.8, 0.12, 0.08])[:present]
        truth = random.choice(present, 2000, p=shares / shares.sum())
        wrong = random.random(2000) < 0.2 * worse
        found = np.where(wrong, (truth + 1) % present, truth)
        for label in range(CLASSES):
            tp, fp, fn = (
                int(((found == label) & (truth == label)).sum()),
                int(((found == label) & (truth != label)).sum()),
                int(((found != label) & (truth == label)).sum()),
            )
            keys = {"slice": f"s{number}", "volume": f"v{number // 5}", "patient": "p", "class": label}
            rows.append(keys | {"tp": tp, "fp": fp, "fn": fn, "tn": 2000 - tp - fp - fn})
    return pd.DataFrame(rows)


def by_hand(counts: pd.DataFrame, key: list[object], first: int, empty: float) -> dict[str, float]:
    """The same in plain loops."""
    dices, ious, errors = [], [], []
    for group in dict.fromkeys(key):
        rows = counts[[one == group for one in key]]
        sums = {label: rows[rows["class"] == label][["tp", "fp", "fn"]].sum() for label in range(CLASSES)}
        d, i = [], []
        for label in range(first, CLASSES):
            tp, fp, fn = sums[label]
            whole = 2 * tp + fp + fn
            d.append(2 * tp / whole if whole else empty)
            i.append(tp / (tp + fp + fn) if whole else empty)
        dices.append(np.nanmean(d))
        ious.append(np.nanmean(i))
        errors.append(sum(one["fn"] for one in sums.values()) / sum(one["tp"] + one["fn"] for one in sums.values()))
    return {"dice": np.mean(dices), "iou": np.mean(ious), "pixel_error": np.mean(errors)}


@pytest.mark.parametrize(("background", "empty"), list(itertools.product([True, False], [math.nan, 1.0, 0.0])))
def test_every_average_against_plain_loops(background, empty):
    counts = table(0)
    numbers = np.repeat(np.arange(SLICES), CLASSES)
    keys = {"slice": numbers, "batch": numbers // 4, "volume": numbers // 5, "pooled": numbers * 0}
    for grouping, key in keys.items():
        found = conventions.values(counts, grouping, background, empty, batch=4)
        assert found == pytest.approx(by_hand(counts, list(key), 0 if background else 1, empty)), grouping


def test_pooled_is_the_headline_of_table_1():
    counts = table(1)
    for background, name in ((True, "with_background"), (False, "foreground")):
        found = conventions.values(counts, "pooled", background, math.nan, batch=4)
        assert found == pytest.approx(pooled_headline(counts)[name])


def test_the_gap_is_zero_for_one_region_and_positive_for_a_mean():
    assert conventions.gap(0.8, 0.8 / 1.2) == pytest.approx(0)
    counts = table(2)
    found = conventions.values(counts, "slice", True, math.nan, batch=4)
    assert conventions.gap(found["dice"], found["iou"]) > 0
    assert all(conventions.gap(paper["dice"], paper["iou"]) > 0.006 for rows in TABLE_1.values() for paper in rows.values())


def test_the_audit_finds_the_convention_that_made_the_numbers(monkeypatch):
    """A made-up paper whose networks are somewhat worse than ours and whose average is per slice, absent classes 0."""
    ours = {(loss, seed): table(seed, worse) for loss, worse in (("ce", 0.12), ("ce_dl", 0.1)) for seed in (0, 1)}
    theirs = {
        loss: conventions.values(table(7, worse), "slice", False, 0.0, 4) for loss, worse in (("ce", 0.14), ("ce_dl", 0.12))
    }
    monkeypatch.setitem(conventions.TABLE_1, "acdc", theirs)
    found = conventions.audit(ours, "acdc", batch=4)
    best = conventions.ranked(found).iloc[0]
    assert (best["grouping"], best["background"], best["empty"]) == ("slice", "without", "0")
    assert len(found) == 2 * (3 + 1 + 1 + 1)  # only single slices lack a class
    assert found["misfit"].is_monotonic_increasing
    text = markdown({"acdc": found}, {"acdc": ours}, "small", synthetic=False, batch=4)
    assert "per slice, without background, an absent class scores 0 (misfit" in text.split("; next")[0]


def test_implied_numbers_scale_the_dice_of_every_region():
    counts = table(3)
    ours = conventions.values(counts, "pooled", False, math.nan, 4)
    same = conventions.implied(counts, "pooled", False, math.nan, 4, ours["pixel_error"])
    assert same == pytest.approx({"dice": ours["dice"], "iou": ours["iou"]})
    half = conventions.implied(counts, "pooled", False, math.nan, 4, ours["pixel_error"] / 2)
    assert 1 - half["dice"] == pytest.approx((1 - ours["dice"]) / 2)
    one = counts[counts["class"] < 2]  # of one region IoU follows from Dice, whatever the error
    found = conventions.implied(one, "pooled", False, math.nan, 4, 0.001)
    assert conventions.gap(found["dice"], found["iou"]) == pytest.approx(0)
    absent = conventions.implied(counts, "slice", False, 0.0, 4, 0.0)  # faultless, but for the class that slice 3 lacks
    assert absent["dice"] == pytest.approx(1 - 1 / (SLICES * (CLASSES - 1)))


def test_networks_far_from_the_paper_determine_nothing(monkeypatch):
    counts = {(loss, 0): table(0) for loss in ("ce", "ce_dl")}
    assert not conventions.determined(conventions.audit(counts, "acdc", batch=4), "acdc")  # 0.2 of the pixels are wrong
    errors = {f"{loss}_pixel_error": [0.007, 0.007] for loss in ("ce", "ce_dl")}
    near = pd.DataFrame({"excluded": "", "misfit": [0.002, 0.005], **errors})
    assert conventions.determined(near, "acdc")
    assert not conventions.determined(near.assign(ce_pixel_error=0.02), "acdc")
    assert not conventions.determined(near.assign(misfit=[0.002, 0.003]), "acdc")
    text = markdown({"acdc": conventions.audit(counts, "acdc", 4)}, {"acdc": counts}, "small", synthetic=False, batch=4)
    assert "**ACDC**: undetermined. Best fit:" in text


def test_one_region_is_excluded_by_its_identity():
    binary = {(loss, 0): table(0)[lambda rows: rows["class"] < 2] for loss in ("ce", "ce_dl")}
    found = conventions.audit(binary, "covid19", batch=4).set_index(["grouping", "background"])
    assert found.loc[("pooled", "without"), "excluded"] == "one region"
    assert (found["excluded"] == "").sum() == len(found) - 1


def test_other_slices_are_refused():
    counts = {("ce", 0): table(0), ("ce_dl", 0): table(0).iloc[CLASSES:]}
    with pytest.raises(CediceError, match="acdc: ce_dl seed 0 was counted on other slices than ce seed 0"):
        conventions.audit(counts, "acdc", batch=4)
