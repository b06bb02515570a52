"""The training loop: the same for every study, data set and arm.

The slices live on the device as uint8 and are batched there. Nothing is drawn at random but the initial weights (PyTorch's
defaults, from the seed) and each epoch's order (from the seed and the epoch's number), so that the same settings and
slices give the same bytes on the same machine's CPU.
"""

import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from cedice import checkpoints
from cedice.errors import CediceError
from cedice.losses import CEDiceLoss
from cedice.metrics import CONVENTIONS, METRICS, confusion_counts, headline
from cedice.unet import UNet

EVALUATION_BATCH = 32


@dataclass(frozen=True)
class Settings:
    """What decides the result besides the slices. ``classes`` includes the background; 2 classes is the binary case.
    ``autocast`` is the dtype of the convolutions, None for float32."""

    classes: int
    alpha: float
    epochs: int
    base_channels: int
    depth: int
    norm: str
    padding: str
    learning_rate: float
    batch_size: int
    seed: int
    autocast: torch.dtype | None

    def described(self) -> dict[str, object]:
        """For headers and keys: every field, with the dtype by name, and the network's arguments."""
        dtype = str(self.autocast or torch.float32).removeprefix("torch.")
        return asdict(self) | {"autocast": dtype, "network": self.network()}

    def network(self) -> dict[str, object]:
        """The arguments of `UNet`."""
        return {
            "in_channels": 1,
            "out_channels": 1 if self.classes == 2 else self.classes,
            "base_channels": self.base_channels,
            "depth": self.depth,
            "norm": self.norm,
            "padding": self.padding,
        }


@dataclass(frozen=True)
class Tensors:
    """Slices on a device: images (N, 1, H, W) and masks (N, H, W), both uint8."""

    images: torch.Tensor
    masks: torch.Tensor

    @classmethod
    def of(cls, images: np.ndarray, masks: np.ndarray, device: torch.device) -> "Tensors":
        """From (N, H, W) arrays; CediceError where there is no slice."""
        if not len(images):
            raise CediceError("no slices on one side of the split; check the index table")
        return cls(torch.from_numpy(images).unsqueeze(1).to(device), torch.from_numpy(masks).to(device))

    def batches(self, order: torch.Tensor, size: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """(image (B, 1, H, W) float32 in 0–1, channels last; mask (B, H, W) uint8) in the given order."""
        for chosen in order.to(self.masks.device).split(size):
            image = self.images[chosen].float().div_(255)
            yield image.contiguous(memory_format=torch.channels_last), self.masks[chosen]


def predict(logits: torch.Tensor) -> torch.Tensor:
    """Label map (B, H, W): the most probable class; for one channel, probability at least one half."""
    return (logits[:, 0] >= 0).long() if logits.shape[1] == 1 else logits.argmax(dim=1)


def infer(model: UNet, data: Tensors, autocast: torch.dtype | None) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """(logits float32, mask) batch by batch, in order, in evaluation mode and without gradients."""
    model.eval()
    for image, mask in data.batches(torch.arange(len(data.masks)), EVALUATION_BATCH):
        # Only around the forward pass, so that a caller between two batches is not in inference mode.
        with torch.inference_mode(), _autocast(image.device, autocast):
            logits = model(image)
        yield logits.float(), mask


def train(
    train_data: Tensors, val_data: Tensors, settings: Settings, checkpoint: Path, name: str
) -> tuple[UNet, list[dict[str, float]]]:
    """Train from the seed, or on from ``checkpoint``; the model after the last epoch, and one history row an epoch.

    A row: epoch (from 1), learning_rate, train_loss, train_ce, train_dice_loss (NaN where α = 0 leaves it out), val_ce,
    val_dice_loss, then each metric under both headline conventions as <metric>_<convention>, and seconds.
    Raises CediceError when a loss is no longer finite.
    """
    device = train_data.images.device
    torch.manual_seed(settings.seed)
    model = UNet(**settings.network()).to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), lr=settings.learning_rate, fused=True)
    history = checkpoints.load(checkpoint, model, optimizer, device)
    if history:
        print(f"{name}: goes on after epoch {len(history)} of {settings.epochs} ({checkpoint})", flush=True)
    for epoch in range(len(history) + 1, settings.epochs + 1):
        start = time.perf_counter()
        losses = _train_epoch(model, optimizer, train_data, settings, epoch, name)
        row = {"epoch": epoch, "learning_rate": settings.learning_rate, **losses, **_validate(model, val_data, settings)}
        history.append(row | {"seconds": round(time.perf_counter() - start, 3)})
        checkpoints.save(checkpoint, model, optimizer, history)
        print(_line(name, history[-1], settings.epochs), flush=True)
    return model, history


def _train_epoch(
    model: UNet, optimizer: torch.optim.Optimizer, data: Tensors, settings: Settings, epoch: int, name: str
) -> dict[str, float]:
    model.train()
    loss_function = CEDiceLoss(settings.alpha)
    count = len(data.masks)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(settings.seed * 1_000_003 + epoch))
    steps = []  # (slices, CE, Dice loss) a step, left on the device until the epoch ends
    bar = tqdm(total=count, desc=f"{name} {epoch}/{settings.epochs}", unit="slice", leave=False, disable=None)
    for image, mask in data.batches(order, settings.batch_size):
        with _autocast(image.device, settings.autocast):
            logits = model(image)
        ce, dice = loss_function.terms(logits, mask)
        optimizer.zero_grad(set_to_none=True)
        loss_function.weigh(ce, dice).backward()
        optimizer.step()
        steps.append(torch.stack([ce.detach(), torch.full_like(ce, math.nan) if dice is None else dice.detach()]))
        bar.update(len(mask))
    bar.close()
    terms = torch.stack(steps).double().cpu()
    for step, (ce, dice) in enumerate(terms.tolist(), start=1):
        if not math.isfinite(ce) or (settings.alpha and not math.isfinite(dice)):
            raise CediceError(
                f"{name}: the loss is not finite (CE {ce}, Dice loss {dice}) in epoch {epoch}, step {step}; "
                "lower train.learning_rate, or use train.norm: batch or train.precision: float32"
            )
    weights = torch.tensor([len(part) for part in order.split(settings.batch_size)], dtype=torch.float64) / count
    ce, dice = (weights @ terms).tolist()
    return {"train_loss": ce + settings.alpha * dice if settings.alpha else ce, "train_ce": ce, "train_dice_loss": dice}


def _validate(model: UNet, data: Tensors, settings: Settings) -> dict[str, float]:
    confusion = torch.zeros(settings.classes, settings.classes, dtype=torch.int64, device=data.masks.device)
    terms = torch.zeros(2, dtype=torch.float64, device=data.masks.device)
    with_dice = CEDiceLoss(alpha=1)  # both terms, whatever the arm trains on
    for logits, mask in infer(model, data, settings.autocast):
        confusion += confusion_counts(predict(logits), mask, settings.classes).sum(dim=0)
        terms += torch.stack(with_dice.terms(logits, mask)).double() * (len(mask) / len(data.masks))
    counts = confusion.cpu().numpy()
    tp = counts.diagonal()
    values = headline(tp, counts.sum(axis=0) - tp, counts.sum(axis=1) - tp)
    ce, dice = terms.tolist()
    return {
        "val_ce": ce,
        "val_dice_loss": dice,
        **{f"{metric}_{convention}": values[convention][metric] for convention in CONVENTIONS for metric in METRICS},
    }


def _autocast(device: torch.device, dtype: torch.dtype | None) -> torch.autocast:
    return torch.autocast(device.type, dtype=dtype or torch.bfloat16, enabled=dtype is not None)


def _line(name: str, row: dict[str, float], epochs: int) -> str:
    dice = f"Dice {row['dice_with_background']:.4f} (foreground {row['dice_foreground']:.4f})"
    error = f"pixel error {row['pixel_error_with_background']:.4f}"
    return f"{name}  epoch {row['epoch']}/{epochs}  loss {row['train_loss']:.4f}  {dice}  {error}  {row['seconds']:.1f} s"
