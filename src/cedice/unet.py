"""The paper's network: a U-Net (Ronneberger et al., MICCAI 2015, doi 10.1007/978-3-319-24574-4_28)."""

import torch
from torch import nn
from torch.nn import functional

from cedice.batchnorm import BatchNorm2d

_CONVOLUTION_LOSS = 4  # pixels that two unpadded 3×3 convolutions take off each axis


class DoubleConv(nn.Sequential):
    """Twice (3×3 convolution, batch norm if asked for, ReLU): (B, in, H, W) → (B, out, H, W), or H − 4, W − 4 unpadded."""

    def __init__(self, in_channels: int, out_channels: int, norm: str, padding: str):
        layers: list[nn.Module] = []
        for channels in (in_channels, out_channels):
            # Batch norm subtracts the mean, so a bias before it would be a dead parameter.
            layers.append(nn.Conv2d(channels, out_channels, 3, padding=padding, bias=norm == "none"))
            if norm == "batch":
                layers.append(BatchNorm2d(out_channels))
            layers.append(nn.ReLU(inplace=True))
        super().__init__(*layers)


class UNet(nn.Module):
    """Encoder–decoder with skip connections: (B, in_channels, H, W) float → logits (B, out_channels, H, W).

    Level k of ``depth`` + 1 levels has ``base_channels``·2^k channels; 2×2 max pooling goes down, a 2×2 transposed
    convolution of stride 2 goes up, and the encoder's features are concatenated. ``out_channels=1`` is the binary case
    (sigmoid), more is one channel a class (softmax).

    ``norm``: "batch" or "none" (the paper names no normalisation). ``padding``: "same", where H and W must be multiples
    of 2^depth; or "valid", the unpadded convolutions of the original, where the border is mirrored before the first
    convolution and the surplus cropped after the last (depth 4: 256 → 444 in, 260 out → 256).

    Raises ValueError for an unknown ``norm`` or ``padding`` and for an input of a size that does not fit.
    """

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 4,
        base_channels: int = 64,
        depth: int = 4,
        norm: str = "batch",
        padding: str = "same",
    ):
        super().__init__()
        if norm not in ("batch", "none"):
            raise ValueError(f"norm must be 'batch' or 'none', not {norm!r}")
        if padding not in ("same", "valid"):
            raise ValueError(f"padding must be 'same' or 'valid', not {padding!r}")
        if min(in_channels, out_channels, base_channels, depth) < 1:
            raise ValueError("in_channels, out_channels, base_channels and depth must be at least 1")
        self.depth, self.padding = depth, padding
        widths = [base_channels * 2**level for level in range(depth + 1)]
        inputs = [in_channels, *widths[:-1]]
        self.encoder = nn.ModuleList(DoubleConv(*pair, norm, padding) for pair in zip(inputs, widths, strict=True))
        self.pool = nn.MaxPool2d(2)
        self.up = nn.ModuleList(nn.ConvTranspose2d(2 * width, width, 2, stride=2) for width in reversed(widths[:-1]))
        self.decoder = nn.ModuleList(DoubleConv(2 * width, width, norm, padding) for width in reversed(widths[:-1]))
        self.head = nn.Conv2d(base_channels, out_channels, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        height, width = image.shape[-2:]
        features = self._mirror(image) if self.padding == "valid" else self._checked(image)
        skips = []
        for level, block in enumerate(self.encoder):
            features = block(features)
            if level < self.depth:
                skips.append(features)
                features = self.pool(features)
        for up, block, skip in zip(self.up, self.decoder, reversed(skips), strict=True):
            features = up(features)
            features = block(torch.cat([_centre(skip, *features.shape[-2:]), features], dim=1))
        return _centre(self.head(features), height, width)

    def _checked(self, image: torch.Tensor) -> torch.Tensor:
        step = 2**self.depth
        if image.shape[-2] % step or image.shape[-1] % step:
            sizes = tuple(image.shape[-2:])
            raise ValueError(f"height and width must be multiples of {step} at depth {self.depth}, not {sizes}")
        return image

    def _mirror(self, image: torch.Tensor) -> torch.Tensor:
        borders = []
        for size in (image.shape[-1], image.shape[-2]):  # functional.pad starts with the last axis
            surplus = valid_input_size(size, self.depth) - size
            before, after = surplus // 2, surplus - surplus // 2
            if after >= size:
                raise ValueError(f"{size} pixels are too few to mirror a border of {after} at depth {self.depth}")
            borders += [before, after]
        return functional.pad(image, borders, mode="reflect")


def valid_input_size(size: int, depth: int) -> int:
    """The smallest input, in pixels, from which unpadded convolutions give at least ``size`` pixels, all poolings even."""
    bottom = size
    for _ in range(depth):  # upwards from the output to the deepest level, rounding up
        bottom = -(-(bottom + _CONVOLUTION_LOSS) // 2)
    total = bottom + _CONVOLUTION_LOSS
    for _ in range(depth):
        total = 2 * total + _CONVOLUTION_LOSS
    return total


def _centre(tensor: torch.Tensor, height: int, width: int) -> torch.Tensor:
    top, left = (tensor.shape[-2] - height) // 2, (tensor.shape[-1] - width) // 2
    return tensor[..., top : top + height, left : left + width]
