"""Time contenders side by side in one process and print their ratios.

What we do to the process (`hardware.tune`) speeds peers up too, so each peer gets back what a plain program has.
"""

import platform
import statistics
import time
from collections.abc import Callable

import torch

from cedice.training import hardware


def run(contenders: dict[str, Callable[[], object]], repeats: int, unit: str, per: float = 1) -> dict[str, float]:
    """Call each once to warm up, then all in turn ``repeats`` times; print median and range of the seconds over ``per``, and
    how many times the first one's every other takes. Returns the medians."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for round_number in range(repeats + 1):
        for name, contender in contenders.items():
            as_its_program(name)
            start = time.perf_counter()
            contender()
            if hardware.device().type == "cuda":
                torch.cuda.synchronize()
            if round_number:  # the first is the warm-up
                seconds[name].append((time.perf_counter() - start) / per)
    medians = {name: statistics.median(found) for name, found in seconds.items()}
    first = next(iter(medians.values()))
    print(f"| {'':44} | {unit:>12} | {'range':>17} | ratio |")
    print(f"| {'-' * 44} | {'-' * 12} | {'-' * 17} | ----- |")
    for name, found in seconds.items():
        extent = f"{min(found):.4f} – {max(found):.4f}"
        print(f"| {name:44} | {medians[name]:12.4f} | {extent:>17} | {medians[name] / first:5.2f} |")
    machine = f"{hardware.device_name()}, torch {torch.__version__}, {platform.system()}"
    print(f"\nmedian of {repeats} repeats, all in turn; {machine}\n")
    return medians


def as_its_program(name: str) -> None:
    """Have malloc keep freed memory, and a GPU choose kernels, as this contender's program does."""
    ours = name.startswith("ours")
    torch.backends.cudnn.benchmark = ours  # as `cedice.training.loop` sets it
    torch.backends.cudnn.allow_tf32 = True  # PyTorch's default; ours sets it in every step
    if ours:
        hardware.tune()
    elif platform.libc_ver()[0] == "glibc":
        hardware.allocate(mmap_from=2**25, trim_from=2**26)  # where glibc's own adjustment ends
