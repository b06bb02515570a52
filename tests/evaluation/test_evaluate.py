"""Counts: complete, in order, adding up, and the same numbers that the training saw."""

import numpy as np
import pandas as pd
import pytest
import torch

from cedice import paths
from cedice.data import slices
from cedice.data.grid import Grid
from cedice.data.sources.acdc import Acdc
from cedice.errors import CediceError
from cedice.evaluation import counts, runs
from cedice.evaluation.native import to_native
from cedice.evaluation.runs import Run, readouts
from cedice.metrics import region_counts
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


@pytest.mark.parametrize("grid", [{"spacing": 2.0, "size": 48}, {"spacing": "native", "size": 64}])
def test_on_a_grid_with_a_spacing_the_slices_own_pixels_are_counted(project, stage, edit_params, grid):
    edit_params(project, {"demo.grid": {"acdc": grid, "covid19": {"size": 256}}})
    for name, number in (("download", 4), ("preprocess", 4), ("train", 8), ("evaluate", 8), ("measure", 8)):
        assert stage(name, *LOSS[:number]) is None
    data = slices.load(*paths.slices("demo", "acdc"))
    assert data.images.shape[1:] == (grid["size"], grid["size"])
    val = data.part("val", 0)
    with np.load(paths.predictions(TRAINING, "averaged")) as stored:
        labels = slices.shaped(stored["labels"], val.index, "")
    table = counts.load_counts(paths.counts(TRAINING, "averaged"), 4)
    source = Acdc()
    for case in source.cases(paths.raw("demo", "acdc")):
        stored_masks = source.read(case).mask
        for number in np.flatnonzero(val.index["volume"] == case.volume):
            truth = stored_masks[int(val.index["slice"][number][-2:])]
            np.testing.assert_array_equal(val.native[number], truth)
            assert labels[number].shape == truth.shape
            rows = table[table["slice"] == val.index["slice"][number]].set_index("class")
            assert rows.loc[3, "tp"] == ((labels[number] == 3) & (truth == 3)).sum()
            assert rows.loc[3, "fn"] == ((labels[number] != 3) & (truth == 3)).sum()  # also beyond the field
            assert rows.loc[0].drop(["slice", "volume", "patient"]).sum() == truth.size
    surfaces = pd.read_csv(paths.surfaces(TRAINING, "averaged"))
    assert set(surfaces["unit"]) == {"mm"}
    assert (
        runs.values(Run.of(TRAINING, "averaged"), "it")["dice_foreground"]
        == counts.pooled_headline(table)["foreground"]["dice"]
    )


def test_what_lies_beyond_the_field_is_background_and_what_lies_within_comes_back():
    truth = np.zeros((40, 30), np.uint8)
    truth[:4], truth[15:25, 10:20] = 1, 1
    likely = torch.zeros(1, 2, 16, 16)
    likely[:, 1] = 1  # foreground everywhere
    grid = Grid(16, 1.0)
    found = to_native(grid, likely, truth.shape, (1.0, 1.0)).argmax(dim=1)[0].numpy()
    assert found.sum() == 16 * 16
    assert found[12:28, 7:23].all()
    labels, table = region_counts(torch.from_numpy(found)[None], torch.from_numpy(truth)[None], 2), truth.sum()
    assert int(labels[0][0, 1] + labels[2][0, 1]) == table
    assert int(labels[2][0, 1]) == 4 * 30  # cropped, so missed


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
