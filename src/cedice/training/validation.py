"""Validation during training: loss terms, headline metrics, and the counts behind them."""

import torch
from torch import nn

from cedice.losses import CEDiceLoss
from cedice.metrics import CONVENTIONS, LAST_EPOCHS, METRICS, confusion_counts, headline
from cedice.training import distributed
from cedice.training.forward import Tensors, infer, predict
from cedice.training.settings import Settings

_COUNTED_AT_ONCE = 8  # batches: counting waits for the device, and takes 17 bytes a pixel
_POINTS = 20  # of a curve that starts with the first epochs: more would show no more


def due(epoch: int, epochs: int) -> bool:
    """Whether the networks of an epoch, numbered from 1 to ``epochs``, are validated: every max(1, ⌊epochs / 20⌋)-th,
    and the last `LAST_EPOCHS`. So a training of fewer than 40 epochs validates after each."""
    return epoch % max(1, epochs // _POINTS) == 0 or epoch > epochs - LAST_EPOCHS


def validate(model: nn.Module, data: Tensors, settings: Settings) -> tuple[dict[str, float], torch.Tensor]:
    """A history row's part, and the counts of every slice, (N, classes, 3) int32 on the CPU: TP, FP, FN.

    The part: val_ce, val_dice_loss, each metric under both headline conventions as <metric>_<convention>, and collapsed
    (1 where every pixel is predicted as background, else 0).
    """
    device, count = data.rows.device, len(data)
    order = distributed.part(torch.arange(count))
    terms = torch.zeros(2, dtype=torch.float64, device=device)
    confusion = torch.zeros(count, settings.classes, settings.classes, dtype=torch.int64, device=device)
    with_dice = CEDiceLoss(alpha=1)  # both terms, whatever the loss trains on
    uncounted: list[tuple[torch.Tensor, torch.Tensor]] = []
    done = int(order[0]) if len(order) else 0  # a part holds slices that follow each other
    options = settings.precision, order, settings.mirror_at_test
    for logits, mask in infer(model, data, *options) if len(order) else ():
        ce, dice = with_dice.terms(logits, mask)
        assert dice is not None
        terms += torch.stack([ce, dice]).double() * (len(mask) / count)
        uncounted.append((predict(logits), mask))
        if len(uncounted) == _COUNTED_AT_ONCE:
            done = _count(uncounted, confusion, done)
    _count(uncounted, confusion, done)
    counts = distributed.total(confusion).cpu()
    tp = counts.diagonal(dim1=1, dim2=2)
    by_slice = torch.stack([tp, counts.sum(dim=1) - tp, counts.sum(dim=2) - tp], dim=2)
    values = headline(*by_slice.sum(dim=0).T.numpy())
    val_ce, val_dice_loss = distributed.total(terms).tolist()
    row = {
        "val_ce": val_ce,
        "val_dice_loss": val_dice_loss,
        **{f"{metric}_{convention}": values[convention][metric] for convention in CONVENTIONS for metric in METRICS},
        "collapsed": int(not counts[:, :, 1:].any()),
    }
    return row, by_slice.int()


def _count(uncounted: list[tuple[torch.Tensor, torch.Tensor]], confusion: torch.Tensor, done: int) -> int:
    """Move the batches into their rows of ``confusion``, from ``done`` on; the row after the last of them."""
    if not uncounted:
        return done
    predictions, masks = (torch.cat(maps) for maps in zip(*uncounted, strict=True))
    uncounted.clear()
    end = done + len(masks)
    confusion[done:end] = confusion_counts(predictions, masks, confusion.shape[1])
    return end
