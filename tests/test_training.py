"""Training: it learns, it can be killed at any moment, it is the same every time, and it stops when it makes no sense."""

import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors import safe_open

from cedice import checkpoints, hardware, paths, training, weights
from cedice.errors import CediceError
from cedice.training import Settings, Tensors

SETTINGS = Settings(
    classes=3,
    alpha=1.0,
    epochs=3,
    base_channels=4,
    depth=2,
    norm="batch",
    padding="same",
    learning_rate=0.01,
    batch_size=4,
    seed=0,
    precision="float32",
    deterministic=False,
)


@pytest.fixture
def data() -> Tensors:
    """Ten 32×32 slices whose classes are ranges of grey."""
    images = np.random.default_rng(0).integers(0, 256, (10, 32, 32), dtype=np.uint8)
    return Tensors.of(images, (images // 100).astype(np.uint8), torch.device("cpu"))


def same(first: torch.nn.Module, second: torch.nn.Module) -> bool:
    pairs = zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def without_time(history: list[dict[str, float]]) -> str:
    return pd.DataFrame(history).drop(columns="seconds").to_csv()


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_going_on_gives_the_bytes_of_an_undisturbed_run(data, tmp_path, precision):
    settings = replace(SETTINGS, precision=precision)
    whole, history = training.train(data, data, settings, tmp_path / "a", "whole")
    training.train(data, data, replace(settings, epochs=1), tmp_path / "b", "first")
    resumed, continued = training.train(data, data, settings, tmp_path / "b", "rest")
    assert same(whole, resumed)
    assert without_time(history) == without_time(continued)


@pytest.mark.parametrize(("alpha", "classes"), [(0.0, 3), (1.0, 3), (1.0, 2)])
def test_it_learns_and_says_so_term_by_term(data, tmp_path, alpha, classes):
    data = Tensors(data.images, data.masks.clamp(max=classes - 1))
    settings = replace(SETTINGS, alpha=alpha, classes=classes, epochs=25, batch_size=2)
    _, history = training.train(data, data, settings, tmp_path / "a", "learn")
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
        training.train(data, data, replace(SETTINGS, learning_rate=1e38, norm="none", epochs=20), tmp_path / "a", "wild")


def test_a_damaged_checkpoint_is_set_aside(data, tmp_path, capsys):
    file = tmp_path / "a.safetensors"
    whole, _ = training.train(data, data, SETTINGS, file, "x")
    file.write_bytes(file.read_bytes()[:-100])
    again, _ = training.train(data, data, SETTINGS, file, "x")
    assert same(whole, again)
    assert "is damaged" in capsys.readouterr().out
    assert file.with_suffix(".damaged").exists()


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
        Tensors.of(empty, empty, torch.device("cpu"))


def prepare(stage):
    for name in ("download", "preprocess"):
        assert stage(name, "--study", "demo", "--dataset", "covid19") is None


ARM = ("--study", "demo", "--dataset", "covid19", "--loss", "ce_dl", "--seed", "0")


def test_killed_and_started_again_ends_in_the_same_bytes(project, stage, edit_params):
    edit_params(project, {"demo.epochs.covid19": 6})
    prepare(stage)
    assert stage("train", *ARM) is None
    file, history = paths.weights("demo", "covid19", "ce_dl", 0), paths.history("demo", "covid19", "ce_dl", 0)
    expected = file.read_bytes(), pd.read_csv(history).drop(columns="seconds").to_csv()
    file.unlink()
    history.unlink()
    command = [sys.executable, str(project / "stages/train.py"), *ARM]
    for wanted in (1, 3, 5):  # killed somewhere after this epoch
        process = subprocess.Popen(
            command, env=os.environ | {"PYTHONPATH": str(project / "src")}, stdout=subprocess.PIPE, text=True
        )
        for line in process.stdout:
            if f"epoch {wanted}/6" in line:
                break
        time.sleep(0.01 * wanted)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not file.exists()
    done = subprocess.run(
        command, env=os.environ | {"PYTHONPATH": str(project / "src")}, capture_output=True, text=True, check=True
    )
    assert "goes on after epoch" in done.stdout
    assert (file.read_bytes(), pd.read_csv(history).drop(columns="seconds").to_csv()) == expected
    assert not list(checkpoints.SCRATCH.iterdir())


def test_weights_say_what_made_them_and_load_in_plain_torch(project, stage):
    prepare(stage)
    assert stage("train", *ARM) is None
    file = paths.weights("demo", "covid19", "ce_dl", 0)
    model, header = weights.load(file, torch.device("cpu"))
    assert (header["alpha"], header["classes"], header["network"]["out_channels"]) == (1.0, 2, 1)
    assert len(header["slices_sha256"]) == 64
    with safe_open(file, framework="pt") as stored:
        assert set(stored.metadata()) == {"cedice"}  # several would come in no fixed order
    assert model(torch.zeros(1, 1, 256, 256)).shape == (1, 1, 256, 256)
    file.write_bytes(file.read_bytes()[:-10])
    assert "not readable weights" in stage("evaluate", *ARM)


def test_training_without_slices_is_one_line(project, stage):
    assert "covid19.npz" in stage("train", *ARM)


@pytest.mark.skipif(hardware.device().type == "cuda", reason="this machine has the GPU that the test must lack")
@pytest.mark.parametrize(("name", "arguments"), [("download", ()), ("train", ("--loss", "ce", "--seed", "0"))])
def test_paper_without_a_gpu_stops_at_once(project, stage, name, arguments):
    line = stage(name, "--study", "paper", "--dataset", "acdc", *arguments)
    assert "needs a CUDA GPU" in line
    assert hardware.INSIST in line
    assert not Path("data").exists()
