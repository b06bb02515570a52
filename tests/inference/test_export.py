"""Models for other runtimes and other people's loops."""

import json
import subprocess
import sys

import nibabel
import numpy as np
import onnxruntime
import pytest
import tiny
import torch
from conftest import ROOT
from monai.networks.nets import BasicUNet
from safetensors.torch import load_file

from cedice import networks
from cedice.cli import parser
from cedice.data.intensity import Intensity
from cedice.evaluation.thresholds import Own
from cedice.inference import model_file, released
from cedice.inference.model_file import Model
from cedice.losses import CEDiceLoss
from cedice.paths import READOUTS
from cedice.training import weights
from cedice.unet import UNet


@pytest.mark.parametrize(("classes", "named"), [(2, {}), (4, {}), (4, {"network": "attention_unet"})])
def test_onnx_agrees_with_torch(tmp_path, classes, named):
    arguments = named | {"in_channels": 1, "out_channels": 1 if classes == 2 else 4, "base_channels": 4, "depth": 3}
    torch.manual_seed(0)
    network = networks.build(arguments).train()
    for _ in range(3):  # running means and variances as training leaves them, not 0 and 1
        network(torch.rand(4, 1, 64, 64))
    names = tuple("abcd"[:classes])
    intensity = Intensity("percentiles", 1, 99)
    turned = {"axes": "LPS", "mirror": ("horizontal",), "own": Own(0.3, 0.8, 0.7, 9) if classes == 2 else None}
    model_file.save(tmp_path / "a.safetensors", Model(network.eval(), names, intensity, 64, {}, **turned), arguments)
    given = parser().parse_args(["export", str(tmp_path / "a.safetensors"), "--onnx", str(tmp_path / "a.onnx")])
    given.do(given)
    session = onnxruntime.InferenceSession(tmp_path / "a.onnx", providers=["CPUExecutionProvider"])
    image = np.random.default_rng(0).random((5, 1, 64, 64), np.float32)  # another number of slices than it was traced with
    (logits,) = session.run(["logits"], {"image": image})
    released = model_file.load(tmp_path / "a.safetensors", torch.device("cpu"))
    with torch.inference_mode():
        expected = released.network(torch.from_numpy(image)).numpy()
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)
    told = session.get_modelmeta().custom_metadata_map
    assert json.loads(told["classes"]) == list(names)
    assert json.loads(told["intensity"]) == {"kind": "percentiles", "low": 1, "high": 99}
    assert [json.loads(told[key]) for key in ("size", "spacing", "axes", "mirror")] == [64, None, "LPS", ["horizontal"]]
    own = {"threshold": 0.3, "dice": 0.8, "dice_at_half": 0.7, "units": 9}
    assert json.loads(told["own_threshold"]) == (own if classes == 2 else None)


def test_weights_load_in_plain_torch(tmp_path):
    settings = tiny.settings(classes=4, base_channels=4, depth=2)
    config = settings.network()
    saved = {readout: UNet(**config) for readout in READOUTS}
    weights.save(tmp_path / "w.safetensors", saved, settings, {})
    network, file = UNet(**config), load_file(tmp_path / "w.safetensors")
    for readout, expected in saved.items():
        network.load_state_dict({name.removeprefix(f"{readout}."): file[name] for name in file if name.startswith(readout)})
        assert torch.equal(network.head.weight, expected.head.weight)


def test_the_loss_in_a_monai_loop():
    """The README's example: MONAI's network and its masks with a channel axis, our loss."""
    torch.manual_seed(0)
    network = BasicUNet(spatial_dims=2, in_channels=1, out_channels=3, features=(8, 8, 16, 16, 32, 8))
    optimizer = torch.optim.Adam(network.parameters(), 0.01)
    loss_function = CEDiceLoss(alpha=1.0)
    image = torch.rand(4, 1, 32, 32)
    label = (image * 3).long().clamp(max=2)  # (B, 1, H, W), as MONAI's transforms give it
    losses = []
    for _ in range(15):
        optimizer.zero_grad()
        loss = loss_function(network(image), label.squeeze(1))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]


@pytest.mark.slow
def test_a_wheel_installs_and_runs(tmp_path):
    """Built, unpacked elsewhere, and used from there, with all that its commands need inside."""

    def run(*command: str, **environment: str) -> str:
        done = subprocess.run(
            [sys.executable, *command], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    source = tmp_path / "source"
    subprocess.run(["git", "clone", "-q", "--local", str(ROOT), str(source)], check=True)
    options = ("--no-deps", "--no-build-isolation", "--disable-pip-version-check", "-q")
    run("-m", "pip", "wheel", *options, str(source), "-w", "wheels")
    (wheel,) = (tmp_path / "wheels").glob("cedice-*.whl")
    run("-m", "pip", "install", "--no-deps", "-q", "--disable-pip-version-check", "--target", "installed", str(wheel))
    elsewhere = {"PYTHONPATH": str(tmp_path / "installed")}
    where = run("-c", "import cedice; print(cedice.__file__)", **elsewhere)
    assert where.startswith(str(tmp_path / "installed"))
    voxels = np.random.default_rng(0).integers(-1000, 500, (40, 50, 2), dtype=np.int16)
    nibabel.Nifti1Image(voxels, np.eye(4)).to_filename(tmp_path / "scan.nii.gz")
    for name in released.names():
        assert "scan: " in run("-m", "cedice.cli", "predict", name, "scan.nii.gz", "-o", f"out-{name}", **elsewhere)
        assert (tmp_path / f"out-{name}/scan_labels.nii.gz").is_file()
    run("-c", "from cedice.reporting import page; page._resource('page.html')", **elsewhere)
