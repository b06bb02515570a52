"""What a GPU does for us, in a minute: slices trained a second at the paper's 64 base channels and at 8, and their share of the
device's peak, beside a plain PyTorch loop and MONAI's; then what a training of `paper` on ACDC takes.

    python benchmarks/gpu.py
    python benchmarks/gpu.py --channels 4 2 --slices 32 --seconds 20    # a rehearsal on a CPU

The first width is the one of the estimate. Slices are noise of ACDC's size; who trains on them is in `contestants.py`, and
MONAI need not be installed. All alternate until the time is up; what warms them up is not timed. The peak is the rate of a
large matrix product here in our precision; operations are those of PyTorch's `FlopCounterMode`, forward and backward.
"""

import argparse
import time
from collections.abc import Callable
from importlib.util import find_spec
from statistics import median

import torch
from contest import as_its_program
from contestants import BATCH, Ours, Tutorial, monai, plain
from torch.utils.flop_counter import FlopCounterMode

from cedice.training import hardware
from cedice.training.forward import Tensors
from cedice.training.validation import due, validate

SIZE, CLASSES = 256, 4
TRAIN, VAL, EPOCHS = 1516, 386, 100  # slices of ACDC, and how long `paper` trains
LATEST = 0.6  # of the time may be gone when the second width begins


def noise(count: int, device: torch.device) -> Tensors:
    images = torch.randint(0, 256, (count, 1, SIZE, SIZE), dtype=torch.uint8, device=device)
    masks = torch.randint(0, CLASSES, (count, SIZE, SIZE), dtype=torch.uint8, device=device)
    return Tensors(images, masks, torch.arange(count, device=device))


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    if hardware.device().type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def peak() -> float:
    """Operations a second of a matrix product."""
    device = hardware.device()
    size = 8192 if device.type == "cuda" else 2048
    dtype = torch.bfloat16 if hardware.precision("auto") == "bf16" else torch.float32
    one, other = torch.randn(2, size, size, device=device, dtype=dtype)
    return 2 * size**3 / median([seconds(lambda: one @ other) for _ in range(13)][3:])


def operations(contender: Ours | Tutorial) -> float:
    """Of a slice."""
    image = torch.rand(BATCH, 1, SIZE, SIZE, device=hardware.device())
    with FlopCounterMode(display=False) as counter:
        contender.model(image).sum().backward()
    return counter.get_total_flops() / BATCH


def contest(channels: int, data: Tensors, rate: float, end: float) -> tuple[Ours, float]:
    """Print who trains how fast at this width, until ``end`` by `time.monotonic`; ours, and its seconds a slice."""
    ours = Ours(data, CLASSES, channels, hardware.precision("auto"))
    contenders: dict[str, Ours | Tutorial] = {f"ours, {ours.settings.precision}": ours, "plain PyTorch loop": plain(data, ours)}
    if find_spec("monai"):
        contenders["MONAI BasicUNet and DiceCELoss"] = monai(data, ours)
    spent: dict[str, list[float]] = {name: [] for name in contenders}
    needed = {name: operations(contender) for name, contender in contenders.items()}
    warm = False
    while not warm or not spent["plain PyTorch loop"] or time.monotonic() < end:
        for name, contender in contenders.items():
            as_its_program(name)
            taken = seconds(contender)
            if warm:
                spent[name].append(taken / len(data))
        warm = True
    first = median(next(iter(spent.values())))
    for name, found in spent.items():
        each = median(found)
        cells = f"{1 / each:10.1f} | {needed[name] / each / rate:13.1%} | {each / first:5.2f} | {len(found):6}"
        print(f"| {channels:8} | {name:30} | {cells} |", flush=True)
    return ours, first


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--channels", type=int, nargs=2, default=(64, 8))
    parser.add_argument("--slices", type=int, default=256, help="of an epoch of this contest")
    parser.add_argument("--seconds", type=float, default=60)
    arguments = parser.parse_args()
    begun = time.monotonic()
    hardware.tune()
    rate = peak()
    print(f"{hardware.device_name()}, torch {torch.__version__}; peak {rate / 1e12:.3g} TFLOP/s\n")
    if not find_spec("monai"):
        print("MONAI is not installed here\n")
    print("| channels | who trains                     | slices / s | share of peak | ratio | epochs |")
    print("| -------- | ------------------------------ | ---------- | ------------- | ----- | ------ |")
    data = noise(arguments.slices, hardware.device())
    ends = [begun + share * arguments.seconds for share in (LATEST, 0.9)]
    wide, each = contest(arguments.channels[0], data, rate, ends[0])
    contest(arguments.channels[1], data, rate, ends[1])
    as_its_program("ours")
    some = noise(min(VAL, arguments.slices), hardware.device())
    validation = [seconds(lambda: validate(wide.model, some, wide.settings)) for _ in range(2)][1] / len(some) * 2 * VAL
    times = sum(due(epoch, EPOCHS) for epoch in range(1, EPOCHS + 1))
    steps, validations = EPOCHS * TRAIN * each, times * validation
    print(f"\na training of {arguments.channels[0]} channels on ACDC: {steps + validations:.0f} s")
    print(f"  {EPOCHS} epochs of {TRAIN} slices: {steps:.0f} s")
    print(f"  {times} validations of {VAL} slices with both networks: {validations:.0f} s")
    print(f"this took {time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main()
