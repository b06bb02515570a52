"""The training loop: the same for every study, data set and arm, on one process or several.

The slices live on the device as uint8 and are batched there. Nothing is drawn at random but the initial weights (PyTorch's
defaults, from the seed) and each epoch's order (from the seed and the epoch's number), so that the same settings and
slices give the same bytes on the same machine's CPU, and on its GPU where ``deterministic`` is on.
"""

import math
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from cedice import checkpoints, distributed
from cedice.errors import CediceError
from cedice.losses import CEDiceLoss
from cedice.metrics import CONVENTIONS, METRICS, confusion_counts, headline
from cedice.unet import UNet

EVALUATION_BATCH = 16
_COUNTED_AT_ONCE = 8  # batches: counting waits for the device, and takes 17 bytes a pixel
_SAVING_SHARE = 0.05  # of the time may go into checkpoints: one of 64 channels is 370 MB


@dataclass(frozen=True)
class Settings:
    """What decides the result besides the slices. ``classes`` includes the background; 2 classes is the binary case.
    ``precision`` of the convolutions: "float32", "tf32" (GPUs) or "bf16"."""

    classes: int
    alpha: float
    epochs: int
    base_channels: int
    depth: int
    norm: str
    padding: str
    learning_rate: float
    batch_size: int
    precision: str
    deterministic: bool
    seed: int

    def described(self) -> dict[str, Any]:
        """For headers and keys: every field, and the network's arguments."""
        return asdict(self) | {"network": self.network()}

    def network(self) -> dict[str, Any]:
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
    """Slices on a device: images (N, 1, H, W) and masks (N, H, W), both uint8, of which ``rows`` (M,) int64 are meant, so
    that both sides of a split share one copy."""

    images: torch.Tensor
    masks: torch.Tensor
    rows: torch.Tensor

    @classmethod
    def of(cls, images: np.ndarray, masks: np.ndarray, device: torch.device) -> "Tensors":
        """All slices of (N, H, W) arrays."""
        rows = torch.arange(len(images), device=device)
        return cls(torch.from_numpy(images).unsqueeze(1).to(device), torch.from_numpy(masks).to(device), rows)

    def part(self, rows: np.ndarray) -> "Tensors":
        """Those with these numbers, in this order; CediceError where there is none."""
        if not len(rows):
            raise CediceError("no slices on one side of the split; check the index table")
        return replace(self, rows=self.rows[torch.from_numpy(rows).to(self.rows.device)])

    def __len__(self) -> int:
        return len(self.rows)

    def batch(self, chosen: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(image (B, 1, H, W) float32 in 0–1, channels last; mask (B, H, W) uint8) of the slices with these of M numbers."""
        rows = self.rows[chosen]
        image = self.images[rows].float().div_(255)
        return image.contiguous(memory_format=torch.channels_last), self.masks[rows]


def predict(logits: torch.Tensor) -> torch.Tensor:
    """Label map (B, H, W) uint8: the most probable class; for one channel, probability at least one half."""
    return (logits[:, 0] >= 0).to(torch.uint8) if logits.shape[1] == 1 else most_probable(logits)


def most_probable(scores: torch.Tensor) -> torch.Tensor:
    """(B, C, H, W) → (B, H, W) uint8, `scores.argmax(dim=1)`: class by class, since PyTorch's own, on a CPU, takes several
    times as long as a network of 8 channels."""
    best = scores[:, 0]
    labels = torch.zeros_like(best, dtype=torch.uint8)
    for label in range(1, scores.shape[1]):
        labels.masked_fill_(scores[:, label] > best, label)
        best = torch.maximum(best, scores[:, label])
    return labels


def infer(
    model: UNet, data: Tensors, precision: str, order: torch.Tensor | None = None
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """(logits float32, mask) batch by batch, in ``order`` (default: all slices), in evaluation mode, without gradients."""
    model.eval()
    order = torch.arange(len(data)) if order is None else order
    for chosen in order.to(data.rows.device).split(EVALUATION_BATCH):
        image, mask = data.batch(chosen)
        # Only around the forward pass, so that a caller between two batches is not in inference mode.
        with torch.inference_mode(), autocast(image.device, precision):
            logits = model(image)
        yield logits.float(), mask


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """The context in which the network computes in ``precision``; sets what PyTorch keeps globally for the two others."""
    if device.type == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "tf32"
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bf16")


def train(
    train_data: Tensors, val_data: Tensors, settings: Settings, checkpoint: Path, name: str
) -> tuple[UNet, list[dict[str, float]]]:
    """Train from the seed, or on from ``checkpoint``; the model after the last epoch, and one history row an epoch.

    A row: epoch (from 1), learning_rate, train_loss, train_ce, train_dice_loss (NaN where α = 0 leaves it out), val_ce,
    val_dice_loss, then each metric under both headline conventions as <metric>_<convention>, collapsed (1 where every
    validation pixel is predicted as background, else 0), and seconds.
    Raises CediceError when a loss is no longer finite, and when the disk refuses a checkpoint.
    """
    device = train_data.images.device
    _choose_kernels(device, settings.deterministic)
    torch.manual_seed(settings.seed)
    model = UNet(**settings.network()).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # not typed
    replica = distributed.replicated(model, device)
    optimizer = torch.optim.Adam(model.parameters(), lr=settings.learning_rate, fused=True)
    history = distributed.in_turn(lambda: checkpoints.load(checkpoint, model, optimizer))
    distributed.agree(len(history), "the checkpoint they found")
    first = not distributed.rank()
    if history and first:
        print(f"{name}: goes on after epoch {len(history)} of {settings.epochs} ({checkpoint})", flush=True)
    saved, cost = -math.inf, 0.0  # when the last checkpoint was written, and how long that took
    for epoch in range(len(history) + 1, settings.epochs + 1):
        start = time.perf_counter()
        losses = _train_epoch(replica, optimizer, train_data, settings, epoch, name)
        row = {"epoch": epoch, "learning_rate": settings.learning_rate, **losses, **_validate(model, val_data, settings)}
        history.append(row | {"seconds": round(time.perf_counter() - start, 3)})
        if not first:
            continue
        begun = time.perf_counter()
        if epoch == settings.epochs or begun - saved >= cost / _SAVING_SHARE:
            checkpoints.save(checkpoint, model, optimizer, history)
            saved = time.perf_counter()
            cost = saved - begun
        print(_line(name, history[-1], settings.epochs), flush=True)
    return model, history


def _choose_kernels(device: torch.device, deterministic: bool) -> None:
    """On a CPU all of ours are deterministic anyway; on a GPU it is a choice between speed and equal bytes."""
    if device.type == "cuda":
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"  # cuBLAS asks for it where determinism is demanded
        torch.use_deterministic_algorithms(deterministic)
        torch.backends.cudnn.benchmark = not deterministic


def _train_epoch(
    replica: nn.Module, optimizer: torch.optim.Optimizer, data: Tensors, settings: Settings, epoch: int, name: str
) -> dict[str, float]:
    replica.train()
    loss_function = CEDiceLoss(settings.alpha)
    count, device = len(data), data.rows.device
    order = torch.randperm(count, generator=torch.Generator().manual_seed(settings.seed * 1_000_003 + epoch))
    steps = []  # (CE, Dice loss) a step, this process's share of them, left on the device until the epoch ends
    silent = True if distributed.rank() else None  # None: a bar on a terminal only
    bar = tqdm(total=count, desc=f"{name} {epoch}/{settings.epochs}", unit="slice", leave=False, disable=silent)
    for whole in order.to(device).split(settings.batch_size):
        image, mask = data.batch(distributed.part(whole))
        with autocast(device, settings.precision):
            logits = replica(image)
        share = len(mask) / len(whole)
        if share:
            ce, dice = loss_function.terms(logits, mask)
            # The processes' gradients are averaged, so each counts for as much of the batch as it holds.
            loss = loss_function.weigh(ce, dice) * (share * distributed.world())
            missing = torch.full_like(ce, math.nan)
            steps.append(torch.stack([ce, missing if dice is None else dice]).detach() * share)
        else:
            loss = logits.sum() * 0  # more processes than slices are left: take part with nothing
            steps.append(torch.zeros(2, device=device))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        bar.update(len(whole))
    bar.close()
    terms = distributed.total(torch.stack(steps).double()).cpu()
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
    device, count = data.rows.device, len(data)
    order = distributed.part(torch.arange(count))
    terms = torch.zeros(2, dtype=torch.float64, device=device)
    confusion = torch.zeros(settings.classes, settings.classes, dtype=torch.int64, device=device)
    with_dice = CEDiceLoss(alpha=1)  # both terms, whatever the arm trains on
    uncounted = []
    for logits, mask in infer(model, data, settings.precision, order) if len(order) else ():
        ce, dice = with_dice.terms(logits, mask)
        assert dice is not None
        terms += torch.stack([ce, dice]).double() * (len(mask) / count)
        uncounted.append((predict(logits), mask))
        if len(uncounted) == _COUNTED_AT_ONCE:
            confusion += _counted(uncounted, settings.classes)
            uncounted.clear()
    if uncounted:
        confusion += _counted(uncounted, settings.classes)
    counts = distributed.total(confusion).cpu().numpy()
    tp = counts.diagonal()
    values = headline(tp, counts.sum(axis=0) - tp, counts.sum(axis=1) - tp)
    val_ce, val_dice_loss = distributed.total(terms).tolist()
    return {
        "val_ce": val_ce,
        "val_dice_loss": val_dice_loss,
        **{f"{metric}_{convention}": values[convention][metric] for convention in CONVENTIONS for metric in METRICS},
        "collapsed": int(not counts[:, 1:].any()),
    }


def _counted(batches: list[tuple[torch.Tensor, torch.Tensor]], classes: int) -> torch.Tensor:
    predictions, masks = (torch.cat(maps) for maps in zip(*batches, strict=True))
    return confusion_counts(predictions, masks, classes).sum(dim=0)


def _line(name: str, row: dict[str, float], epochs: int) -> str:
    dice = f"Dice {row['dice_with_background']:.4f} (foreground {row['dice_foreground']:.4f})"
    error = f"pixel error {row['pixel_error_with_background']:.4f}"
    end = f"{row['seconds']:.1f} s" + ("  COLLAPSED: background only" if row["collapsed"] else "")
    return f"{name}  epoch {row['epoch']}/{epochs}  loss {row['train_loss']:.4f}  {dice}  {error}  {end}"
