"""Who trains in the benchmarks: our loop, and a plain one as tutorials write it, for our network or for MONAI's.

"Plain" is float32, contiguous NCHW, a `DataLoader` over the same arrays, `.item()` in every step. BasicUNet is the one of
MONAI's networks with our layers (its UNet convolves with strides and adds, which is less work), here with our channels.
"""

import itertools
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from cedice.losses import CEDiceLoss, dice_loss
from cedice.training.adam import Adam
from cedice.training.averaging import Average
from cedice.training.checkpoints import State
from cedice.training.forward import Tensors, autocast
from cedice.training.loop import _train_epoch as train_epoch
from cedice.training.settings import Settings
from cedice.unet import UNet

BATCH, RATE = 16, 0.01


class Ours:
    """An epoch as the train stage runs it."""

    def __init__(self, data: Tensors, classes: int, channels: int, precision: str):
        network = {"base_channels": channels, "depth": 4, "norm": "batch", "padding": "same"}
        course = {"epochs": 1, "learning_rate": RATE, "schedule": "constant", "batch_size": BATCH, "precision": precision}
        self.settings = Settings(classes=classes, alpha=1.0, deterministic=False, seed=0, **network, **course)
        self.data, device = data, data.masks.device
        torch.manual_seed(0)
        self.model = UNet(**self.settings.network()).to(device, memory_format=torch.channels_last)
        self.optimizer = Adam(self.model.parameters(), RATE)
        self.state = State(self.model, Average(self.model), self.optimizer, [], [])
        self.epoch = itertools.count(1)

    def __call__(self) -> None:
        train_epoch(self.model, self.state, self.data, self.settings, next(self.epoch), "benchmark")

    def averaged(self) -> nn.Module:
        return self.state.average.module

    def step(self, image: torch.Tensor, mask: torch.Tensor) -> None:
        with autocast(image.device, self.settings.precision):
            logits = self.model(image)
        loss = CEDiceLoss(1.0)(logits, mask)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()


class Tutorial:
    """An epoch as tutorials write it, for any network and loss."""

    def __init__(self, data: Tensors, model: nn.Module, loss: Callable[..., torch.Tensor]):
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

    def averaged(self) -> nn.Module:
        """Call it before the first epoch: the average is taken from then on, in our way."""
        average = Average(self.model)
        self.optimizer.register_step_post_hook(lambda *_: average.update_parameters(self.model))
        return average.module


class PlainLoss(nn.Module):
    def forward(self, logits: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
        if logits.shape[1] == 1:
            ce = functional.binary_cross_entropy_with_logits(logits[:, 0], masks.float())
        else:
            ce = functional.cross_entropy(logits, masks)
        return ce + dice_loss(logits, masks)


def plain(data: Tensors, ours: Ours) -> Tutorial:
    """Our network and loss, from the weights of a new one."""
    torch.manual_seed(0)
    return Tutorial(data, UNet(**ours.settings.network()), PlainLoss())


def monai(data: Tensors, ours: Ours) -> Tutorial:
    """MONAI's BasicUNet of our channels with its DiceCELoss."""
    from monai.losses import DiceCELoss  # noqa: PLC0415  (it may be missing)
    from monai.networks.nets import BasicUNet  # noqa: PLC0415

    outputs, width = ours.settings.network()["out_channels"], ours.settings.base_channels
    features = (width, 2 * width, 4 * width, 8 * width, 16 * width, width)
    model = BasicUNet(spatial_dims=2, in_channels=1, out_channels=outputs, features=features, act="relu", norm="batch")
    kind = {"softmax": True, "to_onehot_y": True, "include_background": False} if outputs > 1 else {"sigmoid": True}
    loss = DiceCELoss(**kind, squared_pred=True)
    return Tutorial(data, model, lambda logits, masks: loss(logits, masks.unsqueeze(1).float()))
