"""What a model file says of its network, and how it is loaded from Python."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch
from grey import NETWORK, by_grey, cedice, write_model
from PIL import Image
from safetensors.torch import load_file, save_file

import cedice as package
from cedice.data.intensity import Intensity
from cedice.errors import CediceError
from cedice.evaluation.thresholds import Own
from cedice.inference import header as headers
from cedice.inference import model_file, release, released
from cedice.inference.model_file import Model
from cedice.training import weights
from cedice.unet import UNet

CPU = torch.device("cpu")


def test_load_gives_the_network_ready(tmp_path):
    network = package.load("acdc")
    assert isinstance(network, UNet)
    assert not network.training
    assert (network.own_threshold, package.load("covid19").own_threshold) == (0.5, 0.3)
    with torch.inference_mode():
        assert network(torch.zeros(1, 1, 256, 256)).shape == (1, 4, 256, 256)
    for given in (released.find("acdc"), str(released.find("acdc"))):
        for loaded, expected in zip(package.load(given).state_dict().values(), network.state_dict().values(), strict=True):
            assert torch.equal(loaded, expected)
    with pytest.raises(CediceError, match=r"no model acdcc \(did you mean acdc\?\)"):
        package.load("acdcc")


def test_all_entries_come_back(tmp_path):
    file = tmp_path / "m.safetensors"
    more = {"seed": 1}, "RAS", True, "green", "native", ("vertical",), Own(0.35, 0.8, 0.7, 12)
    model = Model(by_grey(2), ("background", "vessel"), Intensity("window", 0, 255), 32, *more)
    model_file.save(file, model, NETWORK | {"out_channels": 1})
    assert replace(model_file.load(file, CPU), network=model.network) == model


def test_a_file_of_the_first_version_knows_no_orientation(tmp_path):
    """Its header has no such entries."""
    file = write_model(tmp_path / "m.safetensors", "LPS")
    header = headers.read(file)
    for entry in ("axes", "axes_assumed", "channel", "mirror", "spacing", "own_threshold", "sha256"):
        del header[entry]
    state = load_file(file)
    header["sha256"] = weights.tensors_sha256(state, model_file.json.dumps(header, sort_keys=True))
    save_file(state, file, metadata={"cedice": model_file.json.dumps(header, sort_keys=True)})
    model = model_file.load(file, CPU)
    assert (model.axes, model.axes_assumed, model.channel, model.mirror) == ("", False, None, ())
    assert (model.spacing, model.own, package.load(file).own_threshold) == (None, None, None)


@pytest.mark.parametrize(
    ("place", "command"),
    [
        ("models/own/retina/ce_dl-seed3.safetensors", "cedice release own retina ce_dl 3 -o"),
        ("mine.safetensors", "cedice release STUDY DATASET LOSS SEED -o"),
    ],
)
def test_a_trainings_weights_are_told_from_a_model_file(tmp_path, place, command):
    file = tmp_path / place
    settings = tiny.settings(classes=3)
    weights.save(file, {"last": UNet(**settings.network())}, settings, {})
    with pytest.raises(CediceError, match=f"the weights of a training.*{command}"):
        model_file.load(file, CPU)


def test_the_models_channel_is_taken_of_colour_images(tmp_path):
    file = tmp_path / "m.safetensors"
    model = Model(by_grey(3), ("background", "grey", "white"), Intensity("window", 0, 255), 32, {}, "", False, "green")
    model_file.save(file, model, NETWORK)
    pixels = np.zeros((32, 32, 3), np.uint8)
    pixels[:, 8:, 1] = 128
    pixels[:, 20:, 1] = 250
    pixels[..., 0] = 250 - pixels[..., 1]
    Image.fromarray(pixels).save(tmp_path / "eye.png")
    cedice("predict", file, tmp_path / "eye.png", "-o", tmp_path / "out", "--device", "cpu")
    labels = np.asarray(Image.open(tmp_path / "out/eye_labels.png"))
    np.testing.assert_array_equal(labels[5, [3, 14, 28]], [0, 1, 2])


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (Intensity("window", -1250, 250), "-1250 to 250 HU as 0–255"),
        (Intensity("window", 0, 255), "grey values 0 to 255 as they are"),
        (Intensity("window", 0, 4095), "grey values 0 to 4095 as 0–255"),
        (Intensity("percentiles", 0.5, 99.5), "from the 0.5 to the 99.5 percentile"),
    ],
)
def test_a_card_names_units_where_there_are_some(rule, words):
    assert words in release._intensity(rule)
    assert ("HU" in release._intensity(rule)) == (rule.low < 0)


@pytest.mark.parametrize(
    ("dice", "words"),
    [
        ({0: 0.9, 1: 0.8, 2: 0.7}, "the best of 3 by foreground Dice"),
        ({0: 0.8, 1: 0.9, 2: 0.7}, "number 2 of 3 by foreground Dice"),
        ({0: 0.8}, "is the only one"),
    ],
)
def test_a_card_says_how_its_seed_stands(dice, words):
    (line,) = release._this_seed(0, dice)
    assert words in line


@pytest.mark.parametrize(
    ("stated", "dataset", "archive", "expected"),
    [
        ({"RAS"}, "acdc", True, ("RAS", False)),
        ({"RAS", "LPS"}, "acdc", True, ("", False)),
        ({""}, "acdc", True, ("LPS", True)),
        ({""}, "acdc", False, ("", False)),  # a phantom is no scan of the archive's
        ({""}, "retina", True, ("", False)),
    ],
)
def test_the_axes_of_a_trainings_slices(stated, dataset, archive, expected):
    assert release._axes(stated, dataset, archive) == expected


def test_cards_of_the_released_say_that_they_are_the_best_and_half_precise():
    for name in released.names():
        card = Path(released.find(name)).with_suffix(".md").read_text(encoding="utf-8")
        assert re.search(r"the best of \d+ by foreground Dice", card)
        assert "half precision" in card
