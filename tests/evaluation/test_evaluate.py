"""Counts: complete, in order, adding up, and the same numbers that the training saw."""

import numpy as np
import pandas as pd
import pytest

from cedice import paths
from cedice.data import slices
from cedice.errors import CediceError
from cedice.evaluation import counts
from cedice.evaluation.runs import Run, readouts
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


@pytest.mark.parametrize("readout", paths.READOUTS)
def test_counts_are_those_of_the_predictions(evaluated, readout):
    table = counts.load_counts(paths.counts(TRAINING, readout), 4)
    val = slices.load(*paths.slices("demo", "acdc")).part("val", 0)
    with np.load(paths.predictions(TRAINING, readout)) as stored:
        labels = stored["labels"]
    assert table["slice"].to_list() == np.repeat(val.index["slice"], 4).to_list()
    for label in range(4):
        rows = table[table["class"] == label]
        found, truth = labels == label, val.masks == label
        for name, expected in {"tp": found & truth, "fp": found & ~truth, "fn": ~found & truth, "tn": ~found & ~truth}.items():
            np.testing.assert_array_equal(rows[name], expected.sum(axis=(1, 2)))
    # The last row of the history, and the last epoch's counts, are of these very weights.
    last = Run.of(TRAINING, readout).history.iloc[-1]
    for convention, values in counts.pooled_headline(table).items():
        for metric, value in values.items():
            assert value == pytest.approx(last[f"{metric}_{convention}"], abs=1e-12)
    epochs = pd.read_csv(paths.epochs(TRAINING))
    kept = epochs[(epochs["readout"] == readout) & (epochs["epoch"] == last["epoch"])]
    columns = ["slice", "patient", "class", "tp", "fp", "fn"]
    pd.testing.assert_frame_equal(kept[columns].reset_index(drop=True), table[columns].reset_index(drop=True))


def test_a_history_of_the_averaged_network_has_the_names_of_the_other(evaluated):
    last, averaged = (Run.of(TRAINING, readout).history for readout in paths.READOUTS)
    assert list(last) == [column for column in pd.read_csv(paths.history(TRAINING)) if not column.startswith("averaged_")]
    assert set(averaged) == set(last)
    assert averaged["train_loss"].equals(last["train_loss"])
    assert not averaged["val_ce"].equals(last["val_ce"])


def test_readouts_are_those_with_counts_of_all_trainings(evaluated):
    other = TRAINING._replace(loss="ce")
    assert readouts([TRAINING]) == ("last", "averaged")
    paths.counts(other, "last").touch()
    assert readouts([TRAINING, other]) == ("last",)


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
    path = paths.counts(TRAINING, "last")
    damage(pd.read_csv(path)).to_csv(path, index=False)
    with pytest.raises(CediceError, match=message):
        counts.load_counts(path, 4)
