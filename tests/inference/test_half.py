"""Networks in half precision, which ends at 65,504: those that come along, and every one that is written into a model file."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper
from PIL import Image
from torch import nn

import cedice
from cedice import networks
from cedice.cli import parser
from cedice.data import nifti
from cedice.data.intensity import Intensity
from cedice.data.phantoms import cardiac, chest
from cedice.data.preprocess import resize_image
from cedice.errors import CediceError
from cedice.inference import half, model_file, released
from cedice.training.forward import predict


def phantom(dataset: str, folder: Path) -> torch.Tensor:
    """(1, 1, 256, 256) in 0–1, a slice of the kind that a released network knows, with its structures in it."""
    generator = np.random.default_rng(1)
    if dataset == "acdc":
        cardiac.write_patient(generator, 1, 1, folder)
        voxels = nifti.read(next(folder.rglob("*_frame01.nii.gz"))).voxels
        image = Intensity("percentiles", 0.5, 99.5).scale(voxels, folder)[:, :, 2].T
    else:
        chest.write_patient(generator, 1, 1, folder)
        image = np.asarray(Image.open(sorted(folder.rglob("*.jpg"))[3]), np.float32)
    return torch.from_numpy(resize_image(image, 256)).view(1, 1, 256, 256) / 255


@pytest.mark.parametrize("name", released.names())
@torch.inference_mode()
def test_what_comes_along_labels_alike_in_half_precision_and_as_onnx(name, tmp_path):
    """A ventricle of thousands of pixels was gone, since one variance was infinite."""
    network, image = cedice.load(name), phantom(name, tmp_path)
    expected = predict(network(image))
    assert all((expected == label).sum() > 500 for label in range(1, expected.max() + 1)), "the test would see nothing"
    assert (predict(network.half()(image.half())) == expected).float().mean() > 0.999
    given = parser().parse_args(["export", name, "--onnx", str(tmp_path / "full.onnx")])
    given.do(given)
    graph = onnx.load(tmp_path / "full.onnx")
    for tensor in graph.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.float32:
            tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16).astype(np.float32), tensor.name))
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    (logits,) = session.run(["logits"], {"image": image.numpy()})
    assert (predict(torch.from_numpy(logits)) == expected).float().mean() > 0.999


def grown(arguments: dict) -> nn.Module:
    """A network whose weights have grown as in a long training, each of them a number in half precision."""
    torch.manual_seed(0)
    network = networks.build(arguments)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            module.weight.data = (3000 * module.weight.data).half().float()
    for _ in range(30):
        network.train()(torch.rand(2, 1, 32, 32))
    return network.eval()


@pytest.mark.parametrize("named", [{}, {"network": "attention_unet"}])
@torch.no_grad()
def test_a_grown_network_is_the_same_within_half_precision(named):
    network = grown(named | {"in_channels": 1, "out_channels": 3, "base_channels": 4, "depth": 2})
    image = torch.rand(2, 1, 32, 32)
    expected, before = network(image), network.state_dict()
    held = half.state(network)
    assert any(values.max() > 65504 for name, values in before.items() if name.endswith("running_var"))
    assert all(values.abs().max() <= 2**14 for name, values in held.items() if "running" in name)
    network.load_state_dict(held)
    torch.testing.assert_close(network(image), expected, rtol=1e-4, atol=1e-4 * expected.abs().max().item())


@torch.no_grad()
def test_a_large_mean_of_a_small_variance_by_hand():
    """Mean 2¹⁰ and variance 2⁻¹⁰: divided by 2³ and 2⁶ eps weighs more, which the weight makes up for."""
    network = nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1)).eval()
    norm = network[1]
    norm.running_mean.fill_(2.0**10)
    norm.running_var.fill_(2.0**-10)
    image = 2.0**10 / network[0].weight.item() + torch.tensor([[[[-0.01, 0.01]]]])
    network[0].bias.zero_()
    expected = network(image)
    held = half.state(network)
    assert (held["1.running_mean"], held["1.running_var"]) == (2.0**7, 2.0**-16)
    assert held["1.weight"].item() == pytest.approx(((2**-16 + 1e-5) / (2**-16 + 1e-5 / 2**6)) ** 0.5)
    network[0].weight.data *= 2.0**-3  # not from the file: in half precision the weight itself would be another
    network[1].load_state_dict({name.removeprefix("1."): held[name] for name in held if name.startswith("1.")})
    torch.testing.assert_close(network(image), expected, rtol=1e-3, atol=1e-3)


def test_what_no_scale_can_mend_is_one_line_and_leaves_no_file(tmp_path):
    arguments = {"in_channels": 1, "out_channels": 1, "base_channels": 2, "depth": 1}
    network = networks.build(arguments).eval()
    for bad in (torch.nan, 1e6):
        network.head.weight.data.fill_(bad)
        model = model_file.Model(network, ("background", "vessel"), Intensity("window", 0, 255), 32, {})
        with pytest.raises(CediceError, match=r"head\.weight .* half precision"):
            model_file.save(tmp_path / "m.safetensors", model, arguments)
    assert not list(tmp_path.iterdir())
