"""Seconds an epoch: ours, a plain PyTorch loop, and MONAI's BasicUNet with its DiceCELoss, on the same slices.

    python benchmarks/training.py --study small --channels 8 --slices 128 --repeats 3

Reads the slices of a study (`dvc repro preprocess@small-acdc`). "Plain" is the loop of the tutorials: float32, contiguous NCHW,
a `DataLoader` over the same arrays, `.item()` in every step; it trains our network and loss, MONAI's loop its own. BasicUNet is
the one of MONAI's networks with our layers (its UNet convolves with strides and adds, which is less work).

Then the floor of our step: its floating-point operations against this device's measured matrix rate, and the bytes that its
operations read and write against its measured bandwidth.
"""

import argparse
import itertools
import time

import torch
from contest import run
from monai.losses import DiceCELoss
from monai.networks.nets import BasicUNet
from torch import nn
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.flop_counter import FlopCounterMode

from cedice import paths
from cedice.data import slices
from cedice.losses import CEDiceLoss, dice_loss
from cedice.training import hardware
from cedice.training.averaging import Average
from cedice.training.checkpoints import State
from cedice.training.forward import Tensors, autocast
from cedice.training.loop import _train_epoch as train_epoch
from cedice.training.settings import Settings
from cedice.unet import UNet

CLASSES, BATCH, RATE = 4, 16, 0.01


class Ours:
    """An epoch as the train stage runs it."""

    def __init__(self, data: Tensors, channels: int, precision: str):
        self.settings = Settings(
            classes=CLASSES,
            alpha=1.0,
            epochs=1,
            base_channels=channels,
            depth=4,
            norm="batch",
            padding="same",
            learning_rate=RATE,
            schedule="constant",
            batch_size=BATCH,
            precision=precision,
            deterministic=False,
            seed=0,
        )
        self.data, device = data, data.masks.device
        self.model = UNet(**self.settings.network()).to(device, memory_format=torch.channels_last)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=RATE, fused=True)
        self.state = State(self.model, Average(self.model), self.optimizer, [], [])
        self.epoch = itertools.count(1)

    def __call__(self) -> None:
        train_epoch(self.model, self.state, self.data, self.settings, next(self.epoch), "benchmark")

    def step(self, image: torch.Tensor, mask: torch.Tensor) -> None:
        with autocast(image.device, self.settings.precision):
            logits = self.model(image)
        loss = CEDiceLoss(1.0)(logits, mask)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()


class Tutorial:
    """An epoch as tutorials write it, for any network and loss."""

    def __init__(self, data: Tensors, model: nn.Module, loss: nn.Module):
        arrays = TensorDataset(data.images.cpu().float() / 255, data.masks.cpu().long())
        self.loader = DataLoader(arrays, batch_size=BATCH, shuffle=True)
        self.device = data.masks.device
        self.model, self.loss = model.to(self.device), loss
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=RATE)

    def __call__(self) -> float:
        self.model.train()
        total = 0.0
        for images, masks in self.loader:
            self.optimizer.zero_grad()
            loss = self.loss(self.model(images.to(self.device)), masks.to(self.device))
            loss.backward()
            self.optimizer.step()
            total += loss.item()
        return total / len(self.loader)


class PlainLoss(nn.Module):
    def forward(self, logits: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(logits, masks) + dice_loss(logits, masks)


class MonaiLoss(DiceCELoss):
    def forward(self, logits: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
        return super().forward(logits, masks.unsqueeze(1))


class Traffic(TorchDispatchMode):
    """Sums the bytes of all tensors that operations read and write; views move nothing."""

    total = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if not func.is_view:
            tensors = [leaf for leaf in tree_leaves((args, kwargs, out)) if isinstance(leaf, torch.Tensor)]
            self.total += sum(tensor.numel() * tensor.element_size() for tensor in tensors)
        return out


def floor(ours: Ours, data: Tensors) -> None:
    image, mask = data.batch(torch.arange(BATCH, device=data.masks.device))
    dtype, device = torch.bfloat16 if ours.settings.precision == "bf16" else torch.float32, image.device
    hardware.tune()  # the last contender had a plain program's memory
    ours.step(image, mask)
    with FlopCounterMode(display=False) as flops:
        ours.step(image, mask)
    with Traffic() as traffic:
        ours.step(image, mask)
    matrix = torch.randn(4096, 4096, device=device, dtype=dtype)
    block = torch.empty(2**28, dtype=torch.uint8, device=device)
    rate = 2 * 4096**3 / _seconds(lambda: matrix @ matrix, device)
    bandwidth = 2 * block.numel() / _seconds(block.clone, device)
    step = _seconds(lambda: ours.step(image, mask), device)
    operations, moved = flops.get_total_flops(), traffic.total
    print(f"a step of {BATCH} slices, {ours.settings.base_channels} channels, {dtype}: {1e3 * step:.1f} ms")
    print(f"  arithmetic: {operations / 1e9:.1f} GFLOP at {rate / 1e9:.0f} GFLOP/s = {1e3 * operations / rate:.1f} ms")
    print(f"  memory: {moved / 1e9:.2f} GB at {bandwidth / 1e9:.1f} GB/s = {1e3 * moved / bandwidth:.1f} ms")
    print(f"  the step takes {step / max(operations / rate, moved / bandwidth):.2f} times the larger of the two")


def _seconds(work, device: torch.device, repeats: int = 7) -> float:
    found = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize()
        found.append(time.perf_counter() - start)
    return sorted(found)[repeats // 2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--study", default="small")
    parser.add_argument("--channels", type=int, default=8)
    parser.add_argument("--slices", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    hardware.tune()
    torch.manual_seed(0)
    train = slices.load(*paths.slices(arguments.study, "acdc")).part("train", 0)
    data = Tensors.of(train.images[: arguments.slices], train.masks[: arguments.slices], hardware.device())
    width = arguments.channels
    features = (width, 2 * width, 4 * width, 8 * width, 16 * width, width)
    basic = BasicUNet(spatial_dims=2, in_channels=1, out_channels=CLASSES, features=features, act="relu", norm="batch")
    network = Ours(data, width, "float32").settings.network()
    fast = hardware.precision("auto")
    contenders = {f"ours, {precision}": Ours(data, width, precision) for precision in dict.fromkeys((fast, "float32"))}
    contenders["plain PyTorch loop, float32"] = Tutorial(data, UNet(**network), PlainLoss())
    contenders["MONAI BasicUNet and DiceCELoss, float32"] = Tutorial(
        data, basic, MonaiLoss(softmax=True, to_onehot_y=True, include_background=False, squared_pred=True)
    )
    print(f"an epoch of {len(data.masks)} slices of 256×256, {width} base channels, batches of {BATCH}\n")
    run(contenders, arguments.repeats, "s / epoch")
    floor(contenders[f"ours, {fast}"], data)


if __name__ == "__main__":
    main()
