"""Several processes as `torchrun` starts them; without it there is one, and every function here does nothing.

All processes walk through the same global order of the slices and take their part of each batch, so that a training is the
same whatever their number, but for the order of summation. Process 0 alone writes files and prints.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from cedice.errors import CediceError


@contextmanager
def group(device: torch.device) -> Iterator[None]:
    """Join the other processes for the length of the block: NCCL on GPUs (one a process), else Gloo."""
    if not distributed.is_torchelastic_launched():
        yield
        return
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield
    finally:
        distributed.destroy_process_group()


def rank() -> int:
    """This process's number, from 0."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def world() -> int:
    """The number of processes."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def total(tensor: torch.Tensor) -> torch.Tensor:
    """``tensor`` summed over all processes, in place."""
    if distributed.is_initialized():
        distributed.all_reduce(tensor)
    return tensor


def part(order: torch.Tensor) -> torch.Tensor:
    """This process's share of a batch's slice numbers, (n,) → (n / processes,) or one more; possibly empty."""
    return order.tensor_split(world())[rank()]


def replicated(model: nn.Module, device: torch.device) -> nn.Module:
    """``model`` with gradients averaged over the processes and batch norm synchronised; itself for one process."""
    if not distributed.is_initialized():
        return model
    if device.type == "cuda":  # on a CPU, `cedice.batchnorm` does it
        model = nn.SyncBatchNorm.convert_sync_batchnorm(model)
    return DistributedDataParallel(model)


def agree(number: int, what: str) -> None:
    """CediceError unless all processes have the same ``number``."""
    if distributed.is_initialized():
        numbers = [0] * world()
        distributed.all_gather_object(numbers, number)
        if len(set(numbers)) > 1:
            raise CediceError(f"the processes differ in {what}: {numbers}; all need the same project folder, on a shared disk")


def in_turn(action):
    """Call ``action`` in process 0 first, then in the others, so that they find what it wrote or set aside."""
    if rank():
        distributed.barrier()
    result = action()
    if distributed.is_initialized() and not rank():
        distributed.barrier()
    return result
