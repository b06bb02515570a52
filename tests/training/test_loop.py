"""Training: it learns, it can be killed at any moment, it is the same every time, and it stops when it makes no sense."""

import json
import math
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import kills
import numpy as np
import pandas as pd
import psutil
import pytest
import torch
from conftest import ROOT
from safetensors import safe_open
from safetensors.torch import load_file

from cedice import paths
from cedice.data import slices
from cedice.errors import CediceError
from cedice.files import read_arrays
from cedice.metrics import headline, region_counts
from cedice.paths import READOUTS, Training
from cedice.training import checkpoints, forward, hardware, loop, weights
from cedice.training.adam import Adam
from cedice.training.augmentation import Augmentation
from cedice.training.averaging import Average
from cedice.training.checkpoints import State
from cedice.training.forward import Tensors
from cedice.training.validation import due
from cedice.unet import UNet

SETTINGS = replace(kills.SETTINGS, epochs=3, schedule="constant")  # so that a shorter training is the start of a longer one


@pytest.fixture
def data() -> Tensors:
    """Ten 32×32 slices whose classes are ranges of grey."""
    images = np.random.default_rng(0).integers(0, 256, (10, 32, 32), dtype=np.uint8)
    return Tensors.of(images, (images // 100).astype(np.uint8), torch.device("cpu"))


def same(first: loop.Trained, second: loop.Trained) -> bool:
    """In both networks and in the counts."""
    tensors = ([each for network in one.networks.values() for each in network.state_dict().values()] for one in (first, second))
    return all(map(torch.equal, *tensors)) and np.array_equal(first.counts, second.counts)


def without_time(history: list[dict[str, float]]) -> str:
    return pd.DataFrame(history).drop(columns="seconds").to_csv()


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_going_on_gives_the_bytes_of_an_undisturbed_run(data, tmp_path, precision):
    settings = replace(SETTINGS, precision=precision)
    whole = loop.train(data, data, settings, tmp_path / "a", "whole")
    loop.train(data, data, replace(settings, epochs=1), tmp_path / "b", "first")
    resumed = loop.train(data, data, settings, tmp_path / "b", "rest")
    assert same(whole, resumed)
    assert without_time(whole.history) == without_time(resumed.history)


def test_two_threads_give_the_same_bytes_again_and_going_on(tmp_path):
    """Slices large enough to be shared between threads, and 8 channels, where layers have ways of their own."""
    images = np.random.default_rng(0).integers(0, 256, (4, 64, 64), dtype=np.uint8)
    large = Tensors.of(images, (images // 100).astype(np.uint8), torch.device("cpu"))
    settings = replace(SETTINGS, base_channels=8, epochs=2)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        whole, again = (loop.train(large, large, settings, tmp_path / name, name) for name in ("whole", "again"))
        loop.train(large, large, replace(settings, epochs=1), tmp_path / "parts", "first")
        resumed = loop.train(large, large, settings, tmp_path / "parts", "rest")
    finally:
        torch.set_num_threads(before)
    assert same(whole, again) and same(whole, resumed)
    assert without_time(whole.history) == without_time(again.history) == without_time(resumed.history)


@pytest.mark.parametrize(("alpha", "classes"), [(0.0, 3), (1.0, 3), (1.0, 2)])
def test_it_learns_and_says_so_term_by_term(data, tmp_path, alpha, classes):
    data = replace(data, masks=data.masks.clamp(max=classes - 1))
    settings = replace(SETTINGS, alpha=alpha, classes=classes, epochs=25, batch_size=2)
    history = loop.train(data, data, settings, tmp_path / "a", "learn").history
    first, last = history[0], history[-1]
    assert [row["epoch"] for row in history] == list(range(1, 26))
    assert last["train_loss"] < 0.6 * first["train_loss"]
    assert last["dice_foreground"] > 0.8
    assert math.isnan(last["train_dice_loss"]) == (alpha == 0)
    if alpha:
        assert last["train_loss"] == pytest.approx(last["train_ce"] + alpha * last["train_dice_loss"])
    assert 0 <= last["val_dice_loss"] <= 1


def test_a_loss_that_is_not_finite_stops_with_epoch_and_step(data, tmp_path):
    with pytest.raises(CediceError, match=r"not finite .* in epoch \d+, step \d+; lower train.learning_rate"):
        loop.train(data, data, replace(SETTINGS, learning_rate=1e38, norm="none", epochs=20), tmp_path / "a", "wild")


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_a_label_out_of_range_stops_before_a_checkpoint(data, tmp_path, alpha):
    masks = data.masks.clone()
    masks[0, 0, 0] = 255
    with pytest.raises(CediceError, match=r"not finite \(CE nan.* in epoch 1, step \d+"):
        loop.train(replace(data, masks=masks), data, replace(SETTINGS, alpha=alpha), tmp_path / "a.safetensors", "wild")
    assert not list(tmp_path.iterdir())


def state(network: UNet) -> State:
    return State(network, Average(network), Adam(network.parameters(), 0.001), [], [])


def test_checkpoints_are_written_one_at_a_time_and_as_often_as_their_cost_allows(tmp_path, monkeypatch):
    """Writing takes 2 s by this clock, so 5 % are reached after 40 s."""
    clock, disk = [0.0], threading.Event()

    def write(*_):
        assert disk.wait(60)
        clock[0] += 2

    monkeypatch.setattr(checkpoints, "time", SimpleNamespace(perf_counter=lambda: clock[0]))
    monkeypatch.setattr(checkpoints, "save", write)
    with checkpoints.Checkpointer(tmp_path / "a", state(UNet(**SETTINGS.network()))) as checkpointer:
        assert checkpointer.due()
        checkpointer.save()
        clock[0] = 100.0
        assert not checkpointer.due()  # it is still being written
        disk.set()
        checkpointer.save()
    assert clock[0] == 104.0
    clock[0] = 143.9
    assert not checkpointer.due()
    clock[0] = 144.0
    assert checkpointer.due()


def test_a_checkpoint_is_of_the_moment_when_it_was_asked_for(data, tmp_path, monkeypatch):
    """What the training does while the disk is slow is not in it."""
    disk, write = threading.Event(), checkpoints.save
    monkeypatch.setattr(checkpoints, "save", lambda *given: disk.wait(60) and write(*given))
    going, expected = state(UNet(**SETTINGS.network())), UNet(**SETTINGS.network())
    expected.load_state_dict(going.model.state_dict())
    with checkpoints.Checkpointer(tmp_path / "a", going) as checkpointer:
        going.history.append({"epoch": 1})
        checkpointer.save()
        going.history.append({"epoch": 2})
        for tensor in going.model.state_dict().values():
            tensor.fill_(7)
        disk.set()
    found = state(UNet(**SETTINGS.network()))
    checkpoints.load(tmp_path / "a", found)
    assert found.history == [{"epoch": 1}]
    assert all(map(torch.equal, found.model.state_dict().values(), expected.state_dict().values()))


def test_a_refused_checkpoint_stops_the_training_at_the_next(data, tmp_path, monkeypatch, capsys):
    def refuse(*_):
        raise CediceError("no room")

    monkeypatch.setattr(checkpoints, "save", refuse)
    with pytest.raises(CediceError, match="no room"):
        loop.train(data, data, replace(SETTINGS, epochs=30), tmp_path / "a", "x")
    assert "epoch 30/30" not in capsys.readouterr().out


@pytest.mark.parametrize(("epochs", "validated"), [(1, 1), (39, 39), (40, 25), (60, 26), (100, 28), (1000, 29)])
def test_validation_is_due_at_the_last_ten_epochs_and_some_twenty_times_before(epochs, validated):
    at = [epoch for epoch in range(1, epochs + 1) if due(epoch, epochs)]
    assert len(at) == validated
    assert at[-10:] == list(range(max(epochs - 9, 1), epochs + 1))
    assert all(epoch % (epochs // 20) == 0 for epoch in at[:-10] if epochs >= 40)


def test_epochs_without_validation_have_none_of_its_values_and_go_on_alike(data, tmp_path, monkeypatch, capsys):
    """Also from a checkpoint before the first validation."""
    settings = replace(SETTINGS, epochs=40, base_channels=2, depth=1)
    whole = loop.train(data, data, settings, tmp_path / "a", "x")
    lines = capsys.readouterr().out.splitlines()
    for row, line in zip(whole.history, lines, strict=True):
        told = row["epoch"] % 2 == 0 or row["epoch"] > 30
        assert ("val_ce" in row, "averaged_collapsed" in row, "Dice" in line) == (told, told, told)
        assert math.isfinite(row["train_loss"]) and f"epoch {row['epoch']}/40" in line
    assert whole.counts.shape[:2] == (10, 2)
    line, stops = loop._line, [1, 21, 39]

    def interrupted(name, row, epochs):
        if stops and row["epoch"] == stops[0]:
            stops.pop(0)
            raise KeyboardInterrupt
        return line(name, row, epochs)

    monkeypatch.setattr(loop, "_line", interrupted)
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            loop.train(data, data, settings, tmp_path / "b", "x")
    resumed = loop.train(data, data, settings, tmp_path / "b", "x")
    assert same(whole, resumed)
    assert without_time(whole.history) == without_time(resumed.history)


def test_of_two_checkpoints_the_damaged_one_is_set_aside_and_the_other_used(data, tmp_path, capsys):
    file = tmp_path / "a.safetensors"
    whole = loop.train(data, data, replace(SETTINGS, epochs=4), tmp_path / "b.safetensors", "x")
    for epochs in (2, 3):  # each ends with a checkpoint
        loop.train(data, data, replace(SETTINGS, epochs=epochs), file, "x")
    file.write_bytes(file.read_bytes()[:-100])
    resumed = loop.train(data, data, replace(SETTINGS, epochs=4), file, "x")
    out = capsys.readouterr().out
    assert "is damaged" in out
    assert "goes on after epoch 2 of 4" in out
    assert file.with_suffix(".damaged").exists()
    assert same(whole, resumed)
    assert len(resumed.history) == 4


def test_with_both_checkpoints_damaged_it_starts_anew(data, tmp_path, capsys):
    file = tmp_path / "a.safetensors"
    for epochs in (1, 2, 3):
        whole = loop.train(data, data, replace(SETTINGS, epochs=epochs), file, "x")
    for path in tmp_path.glob("a*.safetensors"):
        path.write_bytes(b"nothing of use")
    again = loop.train(data, data, SETTINGS, file, "x")
    assert same(whole, again)
    assert capsys.readouterr().out.count("is damaged") == 2
    checkpoints.discard(file)
    assert not list(tmp_path.iterdir())


def test_no_changed_byte_of_a_checkpoint_is_believed(data, tmp_path, capsys):
    """Of the tensors, the history or the header: it is set aside, or (a space in the header's padding) means the same."""
    trained = loop.train(data, data, SETTINGS, tmp_path / "a.safetensors", "x")
    before, chance = (tmp_path / "a.safetensors").read_bytes(), random.Random(0)
    file = tmp_path / "without-previous.safetensors"
    other = UNet(**SETTINGS.network())
    going = state(other)
    for position in [*range(0, 200, 8), *(chance.randrange(len(before)) for _ in range(200))]:
        changed = bytearray(before)
        changed[position] ^= 1 << chance.randrange(8)
        file.write_bytes(changed)
        checkpoints.load(file, going)
        if going.history:
            networks = dict(zip(READOUTS, (other, going.average.module), strict=True))
            found = loop.Trained(networks, going.history, torch.stack(going.counts).numpy())
            assert same(trained, found) and found.history == trained.history, position
            other = UNet(**SETTINGS.network())
            going = state(other)
    assert capsys.readouterr().out.count("is damaged") > 200


@pytest.mark.parametrize("classes", [1, 2, 4, 7])
def test_the_most_probable_class_is_pytorchs_argmax_ties_included(classes):
    scores = torch.randint(0, 5, (3, classes, 40, 30), generator=torch.Generator().manual_seed(0)).float()
    for layout in (torch.contiguous_format, torch.channels_last):
        found = forward.most_probable(scores.contiguous(memory_format=layout))
        torch.testing.assert_close(found.long(), scores.argmax(dim=1))


def test_both_sides_of_a_split_share_one_copy_of_the_slices(data):
    first, second = data.part(np.array([3, 1])), data.part(np.array([0, 2, 4]))
    assert first.images.data_ptr() == second.images.data_ptr() == data.images.data_ptr()
    image, mask = first.batch(torch.tensor([1, 0]))
    torch.testing.assert_close(image, data.images[[1, 3]] / 255)
    assert mask.equal(data.masks[[1, 3]])


def test_validation_in_groups_counts_every_pixel_once(tmp_path):
    """More slices than are counted at once, and a last group that is not full."""
    images = np.random.default_rng(1).integers(0, 256, (300, 8, 8), dtype=np.uint8)
    data = Tensors.of(images, (images // 100).astype(np.uint8), torch.device("cpu"))
    trained = loop.train(data.part(np.arange(8)), data, replace(SETTINGS, epochs=1), tmp_path / "a", "x")
    (row,) = trained.history
    for number, (network, prefix) in enumerate(zip(trained.networks.values(), ("", "averaged_"), strict=True)):
        predicted = torch.cat([forward.predict(logits) for logits, _ in forward.infer(network, data, "float32")])
        counts = region_counts(predicted, data.masks, 3)
        np.testing.assert_array_equal(trained.counts[0, number], torch.stack(counts, dim=2))
        pooled = [count.sum(dim=0).numpy() for count in counts]
        assert row[f"{prefix}dice_foreground"] == headline(*pooled)["foreground"]["dice"]
        assert row[f"{prefix}pixel_error_foreground"] == float((predicted != data.masks).double().mean())


def test_a_full_disk_is_one_line_and_leaves_the_last_checkpoint(data, tmp_path):
    """A limit on the size of files stands in for the full disk: the system refuses to write on in the same way."""
    file = tmp_path / "a.safetensors"
    loop.train(data, data, replace(SETTINGS, epochs=2), file, "x")
    before = file.read_bytes()
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, hard))
    try:
        with pytest.raises(CediceError, match=r"cannot write the checkpoint of epoch 3 .* make room"):
            loop.train(data, data, SETTINGS, file, "x")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert file.read_bytes() == before
    assert not list(tmp_path.glob(".*"))


def test_a_network_that_predicts_background_only_is_called_collapsed(data, tmp_path, capsys):
    """One class of a thousand pixels to one: after the first step everything is background, as it really happens."""
    masks = torch.zeros_like(data.masks)
    masks[:, 0, 0] = 1
    rare = replace(data, masks=masks)
    settings = replace(SETTINGS, classes=2, alpha=0.0, norm="none", epochs=6, batch_size=2)
    history = loop.train(rare, rare, settings, tmp_path / "a", "rare").history
    assert history[-1]["collapsed"] == 1
    assert history[-1]["dice_foreground"] == 0
    assert "COLLAPSED: background only" in capsys.readouterr().out
    history = loop.train(data, data, replace(SETTINGS, epochs=25, batch_size=2), tmp_path / "b", "common").history
    assert history[-1]["collapsed"] == 0


def test_the_key_tells_everything_apart():
    keys = {
        checkpoints.key(replace(SETTINGS, **change).described() | inputs)
        for change in ({}, {"alpha": 0.5}, {"seed": 1}, {"epochs": 4}, {"precision": "bf16"})
        for inputs in ({"slices_sha256": "1"}, {"slices_sha256": "2"})
    }
    assert len(keys) == 10


def test_a_batch_holds_the_chosen_slices_in_their_order(data):
    image, mask = data.batch(torch.tensor([3, 1, 2]))
    assert torch.equal(image, data.images[[3, 1, 2]].float() / 255)
    assert torch.equal(mask, data.masks[[3, 1, 2]])
    assert image.is_contiguous(memory_format=torch.channels_last)


def test_no_slices_on_one_side():
    empty = np.zeros((0, 8, 8), np.uint8)
    with pytest.raises(CediceError, match="no slices"):
        Tensors.of(empty, empty, torch.device("cpu")).part(np.arange(0))


def prepare(stage):
    for name in ("download", "preprocess"):
        assert stage(name, "--study", "demo", "--dataset", "covid19") is None


LOSS = ("--study", "demo", "--dataset", "covid19", "--loss", "ce_dl", "--seed", "0")
TRAINING = Training("demo", "covid19", "ce_dl", 0)


@pytest.mark.slow
def test_killed_at_random_moments_it_ends_in_the_same_bytes():
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests/kills.py"), "20"], capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all bit-equal" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_a_line_that_says_how_to_go_on(project, stage, edit_params, number):
    edit_params(project, {"demo.epochs.covid19": 500})
    prepare(stage)
    process = start(project)
    for line in process.stdout:
        if "epoch 2/500" in line:
            break
    process.send_signal(number)
    _, error = process.communicate(timeout=20)
    assert process.returncode == 1
    assert error.count("\n") == 1
    assert "interrupted; the same command goes on" in error
    assert not list(project.rglob("*.part"))


def start(project: Path, *launcher: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, *launcher, str(project / "stages/train.py"), *LOSS],
        # One thread: what is tested is the resuming; two threads gave other last digits once (docs/determinism.md).
        env=os.environ | {"PYTHONPATH": str(project / "src"), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_augmentation_goes_on_too_and_shows_both_losses_the_same(data, tmp_path, monkeypatch):
    seen: list[torch.Tensor] = []
    settings = replace(SETTINGS, dice="batch", augmentation=Recorded(180, (0.7, 1.4), (0.7, 1.5), 1, ("horizontal",)))
    monkeypatch.setattr(Recorded, "seen", seen, raising=False)
    whole = loop.train(data, data, settings, tmp_path / "a", "whole")
    pictures = torch.cat(seen)
    seen.clear()
    loop.train(data, data, replace(settings, epochs=1), tmp_path / "b", "first")
    resumed = loop.train(data, data, settings, tmp_path / "b", "rest")
    assert torch.equal(torch.cat(seen), pictures)
    assert same(whole, resumed)
    seen.clear()
    loop.train(data, data, replace(settings, alpha=0.0), tmp_path / "c", "other loss")
    assert torch.equal(torch.cat(seen), pictures)
    assert len(pictures.flatten(1).unique(dim=0)) == len(pictures)  # another picture of each slice in each epoch


class Recorded(Augmentation):
    """Keeps the pictures that it gives."""

    def __call__(self, image, mask, drawn):
        image, mask = super().__call__(image, mask, drawn)
        self.seen.append(image)
        return image, mask


def test_a_dice_loss_over_the_batch_needs_one_process(data, tmp_path, monkeypatch):
    monkeypatch.setattr(loop.distributed, "world", lambda: 2)
    with pytest.raises(CediceError, match=r"train\.dice: batch needs the whole batch in one process"):
        loop.train(data, data, replace(SETTINGS, dice="batch"), tmp_path / "a", "two")


@pytest.mark.slow
def test_two_processes_train_what_one_trains_and_go_on_after_a_kill(project, stage, edit_params):
    # Batches of 7, 7 and 1 over 2 processes: unequal shares, and an empty one.
    augmentation = {"rotation": 15, "scale": [0.7, 1.4], "gamma": [0.7, 1.5], "share": 0.5}
    augmentation |= {"mirror": {"covid19": ["horizontal"]}, "mirror_at_test": True}
    edit_params(project, {"demo.epochs.covid19": 4, "demo.train.batch_size": 7, "demo.train.precision": "float32"})
    edit_params(project, {"demo.train.augmentation": augmentation})
    prepare(stage)
    assert stage("train", *LOSS) is None
    file = paths.weights(TRAINING)
    history = file.with_name("history.csv")
    alone, weights_alone = pd.read_csv(history), load_file(file)
    file.unlink()
    torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    process = start(project, *torchrun)
    for line in process.stdout:
        if "epoch 2/4" in line:
            break
    for each in [*psutil.Process(process.pid).children(recursive=True), process]:
        each.kill()
    process.communicate()
    assert not file.exists()
    output, error = start(project, *torchrun).communicate(timeout=240)
    assert "goes on after epoch" in output, error
    assert output.count("epoch 4/4") == 1  # one process speaks
    together = pd.read_csv(history)
    # Only the order of summation differs; training amplifies float32's rounding, 10^-7, by some hundred in these steps.
    for column in ("train_loss", "train_ce", "val_ce", "val_dice_loss", "averaged_val_ce", "averaged_val_dice_loss"):
        np.testing.assert_allclose(together[column], alone[column], rtol=1e-3)
    for name, tensor in load_file(file).items():
        torch.testing.assert_close(tensor, weights_alone[name], rtol=0.05, atol=5e-3, msg=name)
    assert json.loads(file.with_name("run.json").read_text())["device"].startswith("2 × ")
    assert stage("evaluate", *LOSS) is None
    network, header = weights.load(file, torch.device("cpu"), "averaged")
    found = slices.load(*paths.slices("demo", "covid19")).part("val", 0)
    grey = torch.from_numpy(found.images).unsqueeze(1) / 255
    assert header["mirror_at_test"] == ["horizontal"]
    with torch.inference_mode():
        labels = forward.predict(forward.scores(network, grey, ["horizontal"])).numpy()
    predicted = read_arrays(paths.labels(TRAINING, "averaged"), "labels")[0]
    assert (labels == predicted).mean() > 0.9999  # of this batch, the order of summation may differ


@pytest.mark.slow
def test_killed_and_started_again_ends_in_the_same_bytes(project, stage, edit_params):
    edit_params(project, {"demo.epochs.covid19": 6})
    prepare(stage)
    file = paths.weights(TRAINING)
    history = file.with_name("history.csv")
    start(project).communicate()  # a process of its own, as those below
    expected = file.read_bytes(), pd.read_csv(history).drop(columns="seconds").to_csv()
    file.unlink()
    history.unlink()
    for wanted in (1, 3, 5):  # killed somewhere after this epoch
        process = start(project)
        for line in process.stdout:
            if f"epoch {wanted}/6" in line:
                break
        time.sleep(0.01 * wanted)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert not file.exists()
    output, _ = start(project).communicate()
    assert "goes on after epoch" in output
    assert (file.read_bytes(), pd.read_csv(history).drop(columns="seconds").to_csv()) == expected
    assert not [path for path in checkpoints.SCRATCH.rglob("*") if path.is_file()]


def test_cells_are_empty_where_no_validation_was_due(project, stage, edit_params):
    edit_params(
        project, {"demo.epochs.covid19": 40, "demo.grid.size": 16, "demo.train.base_channels": 1, "demo.train.depth": 2}
    )
    prepare(stage)
    assert stage("train", *LOSS) is None
    rows = pd.read_csv(paths.trained(TRAINING) / "history.csv", dtype=str, keep_default_na=False)
    assert list(rows)[-1] == "seconds"
    filled = rows.drop(columns=["epoch", "learning_rate", "train_loss", "train_ce", "train_dice_loss", "seconds"]) != ""
    assert filled.T.nunique().eq(1).all()
    assert list(rows["epoch"][filled.all(axis=1)]) == [str(epoch) for epoch in range(1, 41) if due(epoch, 40)]
    assert set(rows["collapsed"]) <= {"", "0", "1"}
    assert (rows["train_loss"] != "").all() and (rows["seconds"] != "").all()


def test_weights_say_what_made_them_and_load_in_plain_torch(project, stage):
    prepare(stage)
    assert stage("train", *LOSS) is None
    file = paths.weights(TRAINING)
    model, header = weights.load(file, torch.device("cpu"), "averaged")
    assert (header["alpha"], header["classes"], header["network"]["out_channels"]) == (1.0, 2, 1)
    assert len(header["slices_sha256"]) == 64
    with safe_open(file, framework="pt") as stored:
        assert set(stored.metadata()) == {"cedice"}  # several would come in no fixed order
    assert model(torch.zeros(1, 1, 256, 256)).shape == (1, 1, 256, 256)
    file.write_bytes(file.read_bytes()[:-10])
    assert "not readable weights" in stage("evaluate", *LOSS)


def test_weights_whose_header_asks_for_a_huge_network_are_refused_before_it_is_made(tmp_path):
    file = tmp_path / "a.safetensors"
    weights.save(file, {"last": UNet(**SETTINGS.network())}, replace(SETTINGS, base_channels=100_000), {})  # 7 TB
    with pytest.raises(CediceError, match=r"a\.safetensors: not readable weights"):
        weights.load(file, torch.device("cpu"), "last")


def test_training_without_slices_is_one_line(project, stage):
    assert "covid19.npz" in stage("train", *LOSS)


@pytest.mark.skipif(hardware.device().type == "cuda", reason="this machine has the GPU that the test must lack")
@pytest.mark.parametrize(("name", "arguments"), [("download", ()), ("train", ("--loss", "ce", "--seed", "0"))])
def test_paper_without_a_gpu_stops_at_once(project, stage, name, arguments):
    line = stage(name, "--study", "paper", "--dataset", "acdc", *arguments)
    assert "needs a CUDA GPU" in line
    assert hardware.WITHOUT_GPU in line
    assert not Path("data").exists()
