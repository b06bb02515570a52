"""In which order an epoch goes through the training slices, and what augmentation draws for each of them."""

import torch

from cedice.training import augmentation

_ORDERS_A_SEED = 1_000_003  # more than there are epochs: no order of one seed is drawn for another as well


def of_epoch(slices: int, length: int, seed: int, epoch: int) -> tuple[torch.Tensor, torch.Tensor]:
    """``length`` numbers of the ``slices``, (length,) int64, and a row of `augmentation.draws` for each.

    As many passes over the slices as that takes, each in an order of its own; the last one ends early. All follows from the
    seed and the epoch's number.
    """
    generator = torch.Generator().manual_seed(seed * _ORDERS_A_SEED + epoch)
    numbers, drawn = list[torch.Tensor](), list[torch.Tensor]()
    for _ in range(0, length, slices):
        numbers.append(torch.randperm(slices, generator=generator))
        drawn.append(augmentation.draws(slices, generator)[numbers[-1]])
    return torch.cat(numbers)[:length], torch.cat(drawn)[:length]
