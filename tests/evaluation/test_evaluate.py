"""Counts: complete, in order, adding up, and the same numbers that the training saw."""

import numpy as np
import pandas as pd
import pytest

from cedice import paths
from cedice.data import slices
from cedice.errors import CediceError
from cedice.evaluation import counts
from cedice.paths import Training

LOSS = ("--study", "demo", "--dataset", "acdc", "--loss", "ce_dl", "--seed", "0")
TRAINING = Training("demo", "acdc", "ce_dl", 0)


@pytest.fixture
def evaluated(project, stage):
    for name in ("download", "preprocess"):
        assert stage(name, *LOSS[:4]) is None
    for name in ("train", "evaluate"):
        assert stage(name, *LOSS) is None
    return project


def test_counts_are_those_of_the_predictions(evaluated, stage):
    table = counts.load_counts(paths.counts(TRAINING), 4)
    val = slices.load(*paths.slices("demo", "acdc")).part("val")
    with np.load(paths.predictions(TRAINING)) as stored:
        labels = stored["labels"]
    assert table["slice"].to_list() == np.repeat(val.index["slice"], 4).to_list()
    for label in range(4):
        rows = table[table["class"] == label]
        found, truth = labels == label, val.masks == label
        for name, expected in {"tp": found & truth, "fp": found & ~truth, "fn": ~found & truth, "tn": ~found & ~truth}.items():
            np.testing.assert_array_equal(rows[name], expected.sum(axis=(1, 2)))
    # The last row of the history is of these very weights.
    last = pd.read_csv(paths.history(TRAINING)).iloc[-1]
    for convention, values in counts.pooled_headline(table).items():
        for metric, value in values.items():
            assert value == pytest.approx(last[f"{metric}_{convention}"], abs=1e-12)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda table: table.drop(index=5), "slice patient005_frame01_z01 has rows for the classes"),
        (lambda table: table.assign(tp=table["tp"].where(table.index != 6, 0) + (table.index == 6)), "z01 do not add up"),
        (lambda table: table.drop(columns="fn"), "not a table of counts"),
        (lambda table: table.assign(fp=0.5), "not a table of counts|do not add up"),
    ],
)
def test_a_damaged_table_is_refused(evaluated, damage, message):
    path = paths.counts(TRAINING)
    damage(pd.read_csv(path)).to_csv(path, index=False)
    with pytest.raises(CediceError, match=message):
        counts.load_counts(path, 4)
