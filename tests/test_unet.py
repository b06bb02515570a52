"""The network against a second, functional formulation, and against the published sizes."""

import pytest
import torch
from torch.nn import functional

from cedice.unet import UNet, valid_input_size


def test_parameter_count_is_that_of_the_original():
    model = UNet(in_channels=1, out_channels=1, norm="none")
    assert sum(parameter.numel() for parameter in model.parameters()) == 31_030_593


@pytest.mark.parametrize(("size", "depth", "expected"), [(256, 4, 444), (388, 4, 572), (1, 1, 18)])
def test_valid_input_size(size, depth, expected):
    # 388 ← 572 is Fig. 1 of Ronneberger et al.; by hand: 18 → 14 | 7 → 3 | 6 → 2, but 16 → 12 | 6 → 2 | 4 → 0.
    assert valid_input_size(size, depth) == expected


def functional_unet(state: dict[str, torch.Tensor], image: torch.Tensor, depth: int, padding: int) -> torch.Tensor:
    """The same network written out with functional calls: no batch norm, border and crop by hand."""

    def double(x, name):
        for layer in (0, 2):
            x = functional.conv2d(x, state[f"{name}.{layer}.weight"], state[f"{name}.{layer}.bias"], padding=padding).relu()
        return x

    def crop(x, like):
        surplus = x.shape[-1] - like.shape[-1]
        start = surplus // 2
        return x[:, :, start : start + like.shape[-1], start : start + like.shape[-1]]

    size, x = image.shape[-1], image
    if not padding:
        border = (valid_input_size(size, depth) - size) // 2
        x = functional.pad(x, [border] * 4, mode="reflect")
    skips = []
    for level in range(depth + 1):
        x = double(x, f"encoder.{level}")
        if level < depth:
            skips.append(x)
            x = functional.max_pool2d(x, 2)
    for step in range(depth):
        x = functional.conv_transpose2d(x, state[f"up.{step}.weight"], state[f"up.{step}.bias"], stride=2)
        x = double(torch.cat([crop(skips.pop(), x), x], dim=1), f"decoder.{step}")
    return crop(functional.conv2d(x, state["head.weight"], state["head.bias"]), image)


@pytest.mark.parametrize(("padding", "size", "depth"), [("same", 32, 3), ("valid", 100, 2), ("valid", 256, 4)])
def test_agrees_with_the_functional_formulation(padding, size, depth):
    torch.manual_seed(0)
    model = UNet(out_channels=3, base_channels=2, depth=depth, norm="none", padding=padding)
    image = torch.rand(2, 1, size, size)
    expected = functional_unet(model.state_dict(), image, depth, padding=int(padding == "same"))
    logits = model(image)
    assert logits.shape == (2, 3, size, size)
    torch.testing.assert_close(logits, expected)


def test_every_parameter_learns():
    model = UNet(base_channels=2, depth=2)
    model(torch.rand(2, 1, 16, 16)).square().mean().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in model.parameters())


def test_batch_norm_replaces_the_bias():
    names = {name for name, _ in UNet(base_channels=2, depth=1).encoder[0].named_parameters()}
    assert "1.weight" in names
    assert "0.bias" not in names


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"norm": "instance"}, "norm"), ({"padding": "reflect"}, "padding"), ({"depth": 0}, "at least 1")],
)
def test_refuses_unknown_arguments(wrong, message):
    with pytest.raises(ValueError, match=message):
        UNet(**wrong)


def test_refuses_sizes_that_do_not_fit():
    with pytest.raises(ValueError, match="multiples of 16"):
        UNet(base_channels=2)(torch.rand(1, 1, 250, 256))
    with pytest.raises(ValueError, match="too few to mirror"):
        UNet(base_channels=2, padding="valid")(torch.rand(1, 1, 64, 64))
