"""Every network through the same tests: built, drawn, trained, resumed, kept and labelled with.

`tests/inference/test_export.py` exports them, but for the Transformer, which takes more than a minute.
"""

import sys
from dataclasses import replace

import kills
import numpy as np
import pytest
import torch
from monai.networks.nets import AttentionUnet, SwinUNETR

from cedice.data.intensity import Intensity
from cedice.errors import CediceError
from cedice.inference import model_file
from cedice.inference.model_file import Model
from cedice.networks import OPTIONS, arguments, build, check_size, described
from cedice.paths import READOUTS
from cedice.reporting.network import network as drawn
from cedice.training import loop, weights
from cedice.training.forward import Tensors
from cedice.unet import UNet

NETWORKS = {
    "unet": {"base_channels": 2, "depth": 2, "norm": "batch", "padding": "same"},
    "attention_unet": {"base_channels": 4, "depth": 2},
    "swin_unetr": {"feature_size": 12},
}
SIZE = 64  # of the Transformer: smaller ones end in a single pixel, which it cannot normalise
every = pytest.mark.parametrize("name", NETWORKS)


def settings(name: str, **changes):
    none = dict.fromkeys(("base_channels", "depth", "norm", "padding"))
    return replace(
        kills.SETTINGS, architecture=name, **{**none, **NETWORKS[name], "epochs": 2, "schedule": "constant", **changes}
    )


@pytest.fixture
def data() -> Tensors:
    images = np.random.default_rng(0).integers(0, 256, (4, SIZE, SIZE), dtype=np.uint8)
    return Tensors.of(images, (images // 100).astype(np.uint8), torch.device("cpu"))


def test_they_are_all_here():
    assert OPTIONS.keys() == NETWORKS.keys()
    assert all(set(OPTIONS[name]) == set(options) for name, options in NETWORKS.items())


@every
def test_logits_of_every_class_and_its_name(name):
    for classes, channels in ((2, 1), (4, 4)):
        given = arguments(name, classes, NETWORKS[name])
        network = build(given).eval()
        with torch.inference_mode():
            assert network(torch.rand(2, 1, SIZE, SIZE)).shape == (2, channels, SIZE, SIZE)
    kinds = {"unet": UNet, "attention_unet": AttentionUnet, "swin_unetr": SwinUNETR}
    assert type(network) is kinds[name]
    assert str(NETWORKS[name].get("base_channels", 12)) in described(given)
    assert len(drawn(given, SIZE).axes[0].patches) > 4


@every
def test_killed_and_resumed_it_ends_in_the_same_bytes_and_learns(name, data, tmp_path):
    whole = loop.train(data, data, settings(name, epochs=3), tmp_path / "a", "whole")
    loop.train(data, data, settings(name, epochs=1), tmp_path / "b", "first")
    resumed = loop.train(data, data, settings(name, epochs=3), tmp_path / "b", "rest")
    for readout in READOUTS:
        first, second = (each.networks[readout].state_dict() for each in (whole, resumed))
        assert all(torch.equal(first[key], second[key]) for key in first)
    assert np.array_equal(whole.counts, resumed.counts)
    assert whole.history[-1]["train_loss"] < whole.history[0]["train_loss"]


@every
def test_weights_and_model_file_come_back(name, tmp_path):
    given = settings(name, classes=3)
    torch.manual_seed(0)
    networks = {readout: build(given.network()).eval() for readout in READOUTS}
    weights.save(tmp_path / "w.safetensors", networks, given, {})
    image = torch.rand(1, 1, SIZE, SIZE)
    for readout, network in networks.items():
        loaded, header = weights.load(tmp_path / "w.safetensors", torch.device("cpu"), readout)
        assert header["network"] == given.network()
        expected = network.state_dict()
        assert all(torch.equal(value, expected[key]) for key, value in loaded.state_dict().items())
    options = {option for network in OPTIONS.values() for option in network}
    assert options & header.keys() == set(OPTIONS[name])
    model = Model(networks["averaged"], tuple("abc"), Intensity("window", 0, 255), SIZE, {})
    model_file.save(tmp_path / "m.safetensors", model, given.network())
    loaded = model_file.load(tmp_path / "m.safetensors", torch.device("cpu")).network
    with torch.inference_mode():
        torch.testing.assert_close(loaded(image), networks["averaged"](image), rtol=0.02, atol=0.02)  # half precision


@pytest.mark.parametrize(("name", "step"), [("unet", 4), ("attention_unet", 4), ("swin_unetr", 32)])
def test_a_size_that_does_not_fit_is_one_line(name, step):
    given = arguments(name, 2, NETWORKS[name])
    check_size(given, 2 * step, 3 * step)
    with pytest.raises(CediceError, match=f"{name}: slices of {step}×{step + 2} do not fit; .* multiples of {step}"):
        check_size(given, step, step + 2)
    check_size(arguments("unet", 2, NETWORKS["unet"] | {"padding": "valid"}), 61, 67)


@pytest.mark.parametrize("name", ["attention_unet", "swin_unetr"])
@pytest.mark.parametrize("package", ["monai.networks.nets", "einops"])
def test_without_monai_it_is_one_line(name, package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(CediceError, match=r"is not installed; pip install '\.\[outlook\]'"):
        build(arguments(name, 2, NETWORKS[name]))
    build(arguments("unet", 2, NETWORKS["unet"]))


def test_arguments_that_are_none_are_refused():
    with pytest.raises(KeyError):
        build({"network": "resnet"})
    with pytest.raises(TypeError, match="not the arguments of attention_unet"):
        build(arguments("attention_unet", 2, NETWORKS["attention_unet"]) | {"norm": "batch"})
    with pytest.raises(ValueError, match="feature_size must be one of"):
        build(arguments("swin_unetr", 2, {"feature_size": 10**6}))
