"""The training loop: the same for every study, data set and loss, on one process or several.

The slices live on the device as uint8 and are batched there. Nothing is drawn at random but the initial weights (PyTorch's
defaults, from the seed) and each epoch's order (from the seed and the epoch's number), so that the same settings and
slices give the same bytes on the same machine's CPU, and on its GPU where ``deterministic`` is on.
"""

import math
import os
import time
from pathlib import Path

import torch
from torch import nn
from tqdm import tqdm

from cedice.errors import CediceError
from cedice.losses import CEDiceLoss
from cedice.metrics import CONVENTIONS, METRICS, confusion_counts, headline
from cedice.training import checkpoints, distributed
from cedice.training.forward import Tensors, autocast, infer, predict
from cedice.training.settings import Settings
from cedice.unet import UNet

_COUNTED_AT_ONCE = 8  # batches: counting waits for the device, and takes 17 bytes a pixel
_ORDERS_A_SEED = 1_000_003  # more than there are epochs: no order of one seed is drawn for another as well


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
    checkpointer = checkpoints.Checkpointer(checkpoint, model, optimizer)
    for epoch in range(len(history) + 1, settings.epochs + 1):
        start = time.perf_counter()
        losses = _train_epoch(replica, optimizer, train_data, settings, epoch, name)
        row = {"epoch": epoch, "learning_rate": settings.learning_rate, **losses, **_validate(model, val_data, settings)}
        history.append(row | {"seconds": round(time.perf_counter() - start, 3)})
        if not first:
            continue
        if epoch == settings.epochs or checkpointer.due():
            checkpointer.save(history)
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
    order = torch.randperm(count, generator=torch.Generator().manual_seed(settings.seed * _ORDERS_A_SEED + epoch))
    steps = []  # the loss's terms a step, this process's share of them, left on the device until the epoch ends
    silent = True if distributed.rank() else None  # None: a bar on a terminal only
    bar = tqdm(total=count, desc=f"{name} {epoch}/{settings.epochs}", unit="slice", leave=False, disable=silent)
    for whole in order.to(device).split(settings.batch_size):
        steps.append(
            _step(replica, optimizer, loss_function, data.batch(distributed.part(whole)), settings.precision, len(whole))
        )
        bar.update(len(whole))
    bar.close()
    terms = distributed.total(torch.stack(steps).double()).cpu()
    for step, values in enumerate(terms.tolist(), start=1):
        if not all(map(math.isfinite, values)):
            told = ", ".join(f"{term} {value}" for term, value in zip(("CE", "Dice loss"), values, strict=False))
            raise CediceError(
                f"{name}: the loss is not finite ({told}) in epoch {epoch}, step {step}; "
                "lower train.learning_rate, or use train.norm: batch or train.precision: float32"
            )
    weights = torch.tensor([len(part) for part in order.split(settings.batch_size)], dtype=torch.float64) / count
    ce, *dice = (weights @ terms).tolist()
    loss = ce + settings.alpha * dice[0] if dice else ce
    return {"train_loss": loss, "train_ce": ce, "train_dice_loss": dice[0] if dice else math.nan}


def _step(
    replica: nn.Module,
    optimizer: torch.optim.Optimizer,
    loss_function: CEDiceLoss,
    batch: tuple[torch.Tensor, torch.Tensor],
    precision: str,
    size: int,
) -> torch.Tensor:
    """One step of the optimiser with this process's ``batch`` out of ``size`` slices; its share of the loss's terms, (CE,) or
    (CE, Dice loss), on the device."""
    image, mask = batch
    with autocast(image.device, precision):
        logits = replica(image)
    if len(mask):
        terms = loss_function.terms(logits, mask)
        share = len(mask) / size
        # The processes' gradients are averaged, so each counts for as much of the batch as it holds.
        loss = loss_function.weigh(*terms) * (share * distributed.world())
        counted = torch.stack([term for term in terms if term is not None]).detach() * share
    else:  # more processes than slices are left, and all of them must take part in averaging the gradients
        loss = logits.sum() * 0
        counted = torch.zeros(2 if loss_function.alpha else 1, device=image.device)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    return counted


def _validate(model: UNet, data: Tensors, settings: Settings) -> dict[str, float]:
    device, count = data.rows.device, len(data)
    order = distributed.part(torch.arange(count))
    terms = torch.zeros(2, dtype=torch.float64, device=device)
    confusion = torch.zeros(settings.classes, settings.classes, dtype=torch.int64, device=device)
    with_dice = CEDiceLoss(alpha=1)  # both terms, whatever the loss trains on
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
