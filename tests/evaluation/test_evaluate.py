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
from cedice.evaluation import counts, record, runs
from cedice.evaluation.gather import GZIP
from cedice.evaluation.native import to_native
from cedice.files import read_arrays, write_csv
from cedice.metrics import region_counts
from cedice.paths import Training
from cedice.tables import read_table, read_text

TRAINING = Training("demo", "covid19", "ce_dl", 0)


def recorded() -> dict[str, runs.Runs]:
    return runs.load(paths.record("demo"), ["covid19"])


@pytest.mark.parametrize("readout", paths.READOUTS)
def test_counts_are_those_of_the_predictions(built, monkeypatch, readout):
    monkeypatch.chdir(built)
    run = recorded()[readout][TRAINING.key]
    val = slices.load(*paths.slices("demo", "covid19")).part("val", 0)
    (labels,) = read_arrays(paths.labels(TRAINING, readout), "labels")
    table = run.counts
    assert table["slice"].to_list() == np.repeat(val.index["slice"], 2).to_list()
    for label in range(2):
        rows = table[table["class"] == label]
        found, truth = labels == label, val.masks == label
        for name, expected in {"tp": found & truth, "fp": found & ~truth, "fn": ~found & truth, "tn": ~found & ~truth}.items():
            np.testing.assert_array_equal(rows[name], expected.sum(axis=(1, 2)))
    # The last row of the history, and the last epoch's counts, are of these very weights.
    last = run.history.iloc[-1]
    for convention, values in counts.pooled_headline(table).items():
        for metric, value in values.items():
            assert value == pytest.approx(last[f"{metric}_{convention}"], abs=1e-12)
    epochs = record.by_training(record.load(paths.record("demo"), "epochs", ["covid19"]))[TRAINING.key]
    kept = epochs[(epochs["readout"] == readout) & (epochs["epoch"] == last["epoch"])]
    sums = table.groupby(["patient", "class"], sort=False)[["tp", "fp", "fn"]].sum().reset_index()
    pd.testing.assert_frame_equal(kept[list(sums)].reset_index(drop=True), sums)


def test_a_history_of_the_averaged_network_has_the_names_of_the_other(built, monkeypatch):
    monkeypatch.chdir(built)
    last, averaged = (recorded()[readout][TRAINING.key].history for readout in paths.READOUTS)
    written = pd.read_csv(paths.trained(TRAINING) / "history.csv")
    assert list(last) == [column for column in written if not column.startswith("averaged_")]
    assert set(averaged) == set(last)
    assert averaged["train_loss"].equals(last["train_loss"])
    assert not averaged["val_ce"].equals(last["val_ce"])


@pytest.mark.parametrize("grid", [{"spacing": 2.0, "size": 48}, {"spacing": "native", "size": 64}])
def test_on_a_grid_with_a_spacing_the_slices_own_pixels_are_counted(project, stage, edit_params, grid):
    edit_params(project, {"demo.grid": {"acdc": grid, "covid19": {"size": 256}}})
    training = Training("demo", "acdc", "ce_dl", 0)
    of = ("--study", "demo", "--dataset", "acdc", "--loss", "ce_dl", "--seed", "0")
    for name, number in (("download", 4), ("preprocess", 4), ("train", 8), ("evaluate", 8), ("gather", 4)):
        assert stage(name, *of[:number]) is None
    data = slices.load(*paths.slices("demo", "acdc"))
    assert data.images.shape[1:] == (grid["size"], grid["size"])
    val = data.part("val", 0)
    file = paths.labels(training, "averaged")
    labels = slices.shaped(read_arrays(file, "labels")[0], val.index, file)
    run = runs.load(paths.record("demo"), ["acdc"])["averaged"][training.key]
    source = Acdc()
    for case in source.cases(paths.raw("demo", "acdc")):
        stored_masks = source.read(case).mask
        for number in np.flatnonzero(val.index["volume"] == case.volume):
            truth = stored_masks[int(val.index["slice"][number][-2:])]
            np.testing.assert_array_equal(val.native[number], truth)
            assert labels[number].shape == truth.shape
            rows = run.counts[run.counts["slice"] == val.index["slice"][number]].set_index("class")
            assert rows.loc[3, "tp"] == ((labels[number] == 3) & (truth == 3)).sum()
            assert rows.loc[3, "fn"] == ((labels[number] != 3) & (truth == 3)).sum()  # also beyond the field
            assert rows.loc[0, counts.COUNTS].sum() == truth.size
    surfaces = record.load(paths.record("demo"), "surfaces", ["acdc"])
    assert set(surfaces["unit"]) == {"mm"}
    assert runs.values(run, "it")["dice_foreground"] == counts.pooled_headline(run.counts)["foreground"]["dice"]


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


DAMAGES = [
    (lambda table: table.drop(index=5), r"slice \w+ lacks rows of counts for the classes 0\.\.1 in order"),
    (lambda table: table.assign(tp=table["tp"].where(table.index != 7, 0) + (table.index == 7)), "do not add up"),
    (lambda table: table.drop(columns="fn"), "not a table of counts .no column fn."),
    (lambda table: table.assign(fp=table["fp"] + 0.5), "not a table of counts .a count is no whole number."),
    (lambda table: table.assign(fp=table["fp"].where(table.index != 6)), "not a table of counts .a count is no whole number."),
]


@pytest.mark.parametrize(("damage", "message"), DAMAGES)
def test_damaged_counts_are_refused(built, tmp_path, damage, message):
    """Those of a record, and those of a mixture, which stand in a file of their own."""
    for place in ("data.json", "slices.csv.gz", "runs.json", "history.csv"):
        (tmp_path / "covid19").mkdir(exist_ok=True)
        (tmp_path / "covid19" / place).write_bytes((built / paths.record("demo") / "covid19" / place).read_bytes())
    whole = read_table(built / paths.record("demo") / "covid19/counts.csv.gz")
    write_csv(tmp_path / "covid19/counts.csv.gz", damage(whole), compression=GZIP)
    with pytest.raises(CediceError, match=f"{tmp_path}/covid19: .*{message}"):
        runs.load(tmp_path, ["covid19"])
    alone = whole[whole["loss"] == "ce_dl"].query("readout == 'last'").reset_index(drop=True)
    write_csv(tmp_path / "counts.csv", damage(alone.assign(volume="v", patient="p")))
    with pytest.raises(CediceError, match=message):
        counts.load_counts(tmp_path / "counts.csv", 2)


@pytest.mark.parametrize("table", [*record.MEASURED, "epochs"])
def test_a_table_that_is_cut_off_is_one_line_that_names_it(ran, table):
    file = record.file(paths.record("demo") / "covid19", table)
    file.write_bytes(file.read_bytes()[:40])
    with pytest.raises(CediceError, match=rf"{file}: not a table of {table} .*; get it from Git, or run the gather stage"):
        record.load(paths.record("demo"), table, ["covid19"])


@pytest.mark.parametrize("table", record.MEASURED)
def test_the_record_has_every_cell_that_evaluate_wrote(built, monkeypatch, table):
    """With the names that it keeps once joined back, and no other."""
    monkeypatch.chdir(built)
    found = record.by_training(record.load(paths.record("demo"), table, ["covid19"]))
    assert len(found) == 2
    for key, rows in found.items():
        file = paths.evaluated(Training("demo", *key)) / f"{table}.csv"
        pd.testing.assert_frame_equal(rows, read_table(file), check_dtype=False)  # some are all whole numbers
    cells = read_text(record.file(paths.record("demo") / "covid19", table))
    assert list(cells)[:3] == record.KEYS
