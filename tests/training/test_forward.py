"""Mirroring at test: probabilities averaged over the mirror images, against the same written out."""

import pytest
import torch

from cedice.training.forward import Tensors, infer, scores
from cedice.unet import UNet


def network(channels: int) -> UNet:
    torch.manual_seed(0)
    return UNet(out_channels=channels, base_channels=3, depth=2).eval()


def image() -> torch.Tensor:
    return torch.rand(2, 1, 16, 16, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("channels", "activation"), [(1, torch.sigmoid), *((n, lambda logits: logits.softmax(dim=1)) for n in (2, 3))]
)
@torch.inference_mode()
def test_probabilities_are_averaged_over_all_mirror_images(channels, activation):
    model, x = network(channels), image()
    flips = ([], [2], [3], [2, 3])
    expected = torch.stack([activation(model(x.flip(flip))).flip(flip) for flip in flips]).mean(dim=0)
    found = activation(scores(model, x, ("vertical", "horizontal")))
    torch.testing.assert_close(found, expected)
    expected = (activation(model(x)) + activation(model(x.flip(3))).flip(3)) / 2
    torch.testing.assert_close(activation(scores(model, x, ("horizontal",))), expected)
    assert torch.equal(scores(model, x, ()), model(x))


@torch.inference_mode()
def test_a_mirrored_image_gets_the_mirrored_scores():
    model, x = network(3), image()
    torch.testing.assert_close(scores(model, x.flip(3), ("horizontal",)), scores(model, x, ("horizontal",)).flip(3))


@pytest.mark.parametrize("certain", [torch.inf, -torch.inf])
@torch.inference_mode()
def test_a_certain_pixel_stays_certain(certain):
    """In one channel −∞ and ∞ are probabilities 0 and 1, in the image and its mirror image alike."""
    model = network(1)
    model.head.bias.fill_(certain)
    assert (scores(model, image(), ("horizontal",)).sigmoid() == (certain > 0)).all()


def test_inference_batch_by_batch_averages_too():
    model, grey = network(1), (255 * image()).to(torch.uint8)
    data = Tensors.of(grey[:, 0].numpy(), grey[:, 0].numpy(), torch.device("cpu"))
    found = torch.cat([logits for logits, _ in infer(model, data, "float32", mirror=["vertical"])])
    with torch.inference_mode():
        torch.testing.assert_close(found, scores(model, grey / 255, ["vertical"]))
