"""A model that tells classes by grey value alone, and the command as a user gives it."""

from pathlib import Path

import torch

from cedice.cli import parser
from cedice.data.grid import Spacing
from cedice.data.intensity import Intensity
from cedice.inference import model_file
from cedice.inference.model_file import Model
from cedice.unet import UNet

NETWORK = {"in_channels": 1, "out_channels": 3, "base_channels": 2, "depth": 1, "norm": "batch", "padding": "same"}


def by_grey(classes: int) -> UNet:
    """A network that tells classes by grey value alone: the lower third, the middle, the upper."""
    network = UNet(**NETWORK | {"out_channels": 1 if classes == 2 else classes}).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        first, second = network.decoder[0][0], network.decoder[0][3]
        for block in (network.encoder[0][0], network.encoder[0][3]):
            block.weight[0, 0, 1, 1] = 1  # hands the grey value on
        first.weight[0, 0, 1, 1] = second.weight[0, 0, 1, 1] = 1
        for layer in (network.encoder[0], network.decoder[0]):
            for norm in (layer[1], layer[4]):
                norm.weight.fill_(1)
        network.head.weight[:, 0, 0, 0] = torch.tensor([100.0] if classes == 2 else [-100.0, 0.0, 100.0])
        network.head.bias[:] = torch.tensor([-50.0] if classes == 2 else [33.0, 0.0, -66.0])
    return network


def write_model(file: Path, axes: str = "", spacing: Spacing = None) -> Path:
    """A model file with three classes, which scales from −1000 to 1000."""
    model = Model(by_grey(3), ("background", "grey", "white"), Intensity("window", -1000, 1000), 32, {}, axes, spacing=spacing)
    model_file.save(file, model, NETWORK)
    return file


def cedice(*arguments: object) -> None:
    """Give a command in this process."""
    given = parser().parse_args([str(argument) for argument in arguments])
    given.do(given)
