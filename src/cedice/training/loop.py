"""The training loop: the same for every study, data set and loss, on one process or several.

The slices live on the device as uint8 and are batched there. Nothing is drawn at random but the initial weights (PyTorch's
defaults, from the seed) and each epoch's order and augmentation (from the seed and the epoch's number), so that the same
settings and slices give the same bytes on the same machine's CPU, and on its GPU where ``deterministic`` is on.
"""

import math
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from cedice.errors import CediceError
from cedice.losses import CEDiceLoss
from cedice.metrics import LAST_EPOCHS
from cedice.networks import build
from cedice.paths import READOUTS
from cedice.training import checkpoints, distributed, order, schedule
from cedice.training.adam import Adam
from cedice.training.averaging import Average
from cedice.training.checkpoints import State
from cedice.training.forward import Tensors, autocast
from cedice.training.settings import Settings
from cedice.training.validation import due, validate


@dataclass(frozen=True)
class Trained:
    """What a training leaves: its networks by `READOUTS`, one history row an epoch, and TP, FP, FN of the validation slices
    after each of the last epochs, at most `LAST_EPOCHS`: (epochs, readouts, N, classes, 3) int32."""

    networks: dict[str, nn.Module]
    history: list[dict[str, Any]]
    counts: np.ndarray


def train(train_data: Tensors, val_data: Tensors, settings: Settings, checkpoint: Path, name: str) -> Trained:
    """Train from the seed, or on from ``checkpoint``.

    A history row: epoch (from 1), learning_rate (of its last step), train_loss, train_ce, train_dice_loss (NaN where α = 0
    leaves it out), then, where a validation is `due`, `validate`'s part of the last network and that of the averaged one with
    averaged_ before each name, and seconds.
    Raises CediceError when a loss is no longer finite, when the disk refuses a checkpoint, and for a Dice loss over the batch
    in several processes, each of which has a part of it.
    """
    if settings.dice == "batch" and distributed.world() > 1:
        raise CediceError("train.dice: batch needs the whole batch in one process; start it without torchrun, or use sample")
    device = train_data.images.device
    _choose_kernels(device, settings.deterministic)
    torch.manual_seed(settings.seed)
    model = build(settings.network()).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # not typed
    average = Average(model)
    replica = distributed.replicated(model, device)
    state = State(model, average, Adam(model.parameters(), settings.learning_rate), [], [])
    networks = dict(zip(READOUTS, (model, average.module), strict=True))
    distributed.in_turn(lambda: checkpoints.load(checkpoint, state))
    history = state.history
    distributed.agree(len(history), "the checkpoint they found")
    first = not distributed.rank()
    if history and first:
        print(f"{name}: goes on after epoch {len(history)} of {settings.epochs} ({checkpoint})", flush=True)
    with checkpoints.Checkpointer(checkpoint, state) as checkpointer:
        for epoch in range(len(history) + 1, settings.epochs + 1):
            start = time.perf_counter()
            row = {"epoch": epoch, **_train_epoch(replica, state, train_data, settings, epoch, name)}
            if due(epoch, settings.epochs):
                parts, counts = zip(*(validate(network, val_data, settings) for network in networks.values()), strict=True)
                row |= parts[0] | {f"averaged_{key}": value for key, value in parts[1].items()}
                state.counts[:] = [*state.counts, torch.stack(counts)][-LAST_EPOCHS:]
            history.append(row | {"seconds": round(time.perf_counter() - start, 3)})
            if not first:
                continue
            if epoch == settings.epochs or checkpointer.due():
                checkpointer.save()
            print(_line(name, history[-1], settings.epochs), flush=True)
    return Trained(networks, history, torch.stack(state.counts).numpy())


def _choose_kernels(device: torch.device, deterministic: bool) -> None:
    """On a CPU all of ours are deterministic anyway; on a GPU it is a choice between speed and equal bytes."""
    if device.type == "cuda":
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"  # cuBLAS asks for it where determinism is demanded
        torch.use_deterministic_algorithms(deterministic)
        torch.backends.cudnn.benchmark = not deterministic


def _train_epoch(
    replica: nn.Module, state: State, data: Tensors, settings: Settings, epoch: int, name: str
) -> dict[str, float]:
    replica.train()
    loss_function = CEDiceLoss(settings.alpha, settings.dice)
    count = settings.steps * settings.batch_size if settings.steps else len(data)
    numbers, drawn = (each.to(data.rows.device) for each in order.of_epoch(len(data), count, settings.seed, epoch))
    steps = []  # the loss's terms a step, this process's share of them, left on the device until the epoch ends
    silent = True if distributed.rank() else None  # None: a bar on a terminal only
    bar = tqdm(total=count, desc=f"{name} {epoch}/{settings.epochs}", unit="slice", leave=False, disable=silent)
    batches = torch.arange(count, device=numbers.device).split(settings.batch_size)  # places in the order
    for number, whole in enumerate(batches, start=(epoch - 1) * len(batches)):
        rate = schedule.rate(settings.schedule, settings.learning_rate, number, settings.epochs * len(batches))
        state.optimizer.rate = rate
        part = distributed.part(whole)
        batch = data.batch(numbers[part])
        if settings.augmentation:
            batch = settings.augmentation(*batch, drawn[part])
        steps.append(_step(replica, state.optimizer, loss_function, batch, settings.precision, len(whole)))
        state.average.update_parameters(state.model)
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
    weights = torch.tensor([len(part) for part in batches], dtype=torch.float64) / count
    ce, *dice = (weights @ terms).tolist()
    loss = ce + settings.alpha * dice[0] if dice else ce
    return {"learning_rate": rate, "train_loss": loss, "train_ce": ce, "train_dice_loss": dice[0] if dice else math.nan}


def _step(
    replica: nn.Module,
    optimizer: Adam,
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
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return counted


def _line(name: str, row: dict[str, float], epochs: int) -> str:
    words = [name, f"epoch {row['epoch']}/{epochs}", f"loss {row['train_loss']:.4f}"]
    if "collapsed" in row:  # validated
        foreground = f"foreground {row['dice_foreground']:.4f}, averaged {row['averaged_dice_foreground']:.4f}"
        words.append(f"Dice {row['dice_with_background']:.4f} ({foreground})")
        words.append(f"pixel error {row['pixel_error_with_background']:.4f}")
    words.append(f"{row['seconds']:.1f} s")
    if row.get("collapsed"):
        words.append("COLLAPSED: background only")
    return "  ".join(words)
