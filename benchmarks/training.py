"""Seconds an epoch: ours, a plain PyTorch loop, and MONAI's BasicUNet with its DiceCELoss, on the same slices.

    python benchmarks/training.py --channels 8 --slices 64 --repeats 3
    python benchmarks/training.py --study small --dataset covid19 --epochs 50

Reads the slices of a study (`dvc repro preprocess@demo-acdc`). Who the three are is in `contestants.py`.

Then each operator's share of our step, and its floor: its floating-point operations against this device's measured matrix rate,
and the bytes that its operations read and write against its measured bandwidth.

With ``--epochs``, instead: the CPU minutes of training until the averaged network's foreground Dice on the validation slices
first reaches 95 % and 99 % of what it is after that many epochs. All three are averaged in our way.
"""

import argparse
import time
from dataclasses import replace
from math import nan

import torch
from contest import as_its_program, run
from contestants import BATCH, Ours, Tutorial, monai, plain
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from cedice import paths
from cedice.data import slices
from cedice.training import hardware
from cedice.training.forward import Tensors
from cedice.training.settings import Settings
from cedice.training.validation import validate


class Traffic(TorchDispatchMode):
    """Sums the bytes of all tensors that operations read and write; views move nothing."""

    total = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if not func.is_view:
            tensors = [leaf for leaf in tree_leaves((args, kwargs, out)) if isinstance(leaf, torch.Tensor)]
            self.total += sum(tensor.numel() * tensor.element_size() for tensor in tensors)
        return out


def shares(ours: Ours, data: Tensors) -> None:
    image, mask = data.batch(torch.arange(BATCH, device=data.masks.device))
    as_its_program("ours")
    ours.step(image, mask)
    with torch.profiler.profile() as profile:
        ours.step(image, mask)
    on_gpu = image.device.type == "cuda"
    times = {row.key: row.self_device_time_total if on_gpu else row.self_cpu_time_total for row in profile.key_averages()}
    total = sum(times.values())
    print("| operator of our step                       | share |\n| ------------------------------------------ | ----- |")
    for name, spent in sorted(times.items(), key=lambda row: -row[1]):
        if spent >= total / 100:
            print(f"| {name[:42]:42} | {spent / total:5.1%} |")
    print()


def until(contenders: dict[str, Ours | Tutorial], validation: Tensors, settings: Settings) -> None:
    """One epoch of each in turn, so that a busy machine is busy for all."""
    averages = {name: contender.averaged() for name, contender in contenders.items()}
    spent, dice = {name: [0.0] for name in contenders}, {name: [0.0] for name in contenders}
    for _ in range(settings.epochs):
        for name, contender in contenders.items():
            as_its_program(name)
            start = time.process_time()
            contender()
            spent[name].append(spent[name][-1] + (time.process_time() - start) / 60)
            dice[name].append(validate(averages[name], validation, settings)[0]["dice_foreground"])
    print(f"| {'averaged foreground Dice':44} | at the end | CPU min to 95 % | CPU min to 99 % |")
    print(f"| {'-' * 44} | ---------- | --------------- | --------------- |")
    for name in contenders:
        course, end = list(zip(spent[name], dice[name], strict=True)), dice[name][-1]
        reached = [next((minutes for minutes, value in course if value >= share * end > 0), nan) for share in (0.95, 0.99)]
        print(f"| {name:44} | {end:10.3f} | {reached[0]:15.2f} | {reached[1]:15.2f} |")
    print(f"\n{settings.epochs} epochs; {hardware.device_name()}, torch {torch.__version__}")


def floor(ours: Ours, data: Tensors) -> None:
    image, mask = data.batch(torch.arange(BATCH, device=data.masks.device))
    dtype, device = torch.bfloat16 if ours.settings.precision == "bf16" else torch.float32, image.device
    ours.step(image, mask)
    with FlopCounterMode(display=False) as flops:
        ours.step(image, mask)
    with Traffic() as traffic:
        ours.step(image, mask)
    matrix = torch.randn(4096, 4096, device=device, dtype=dtype)
    block = torch.empty(2**28, dtype=torch.uint8, device=device)
    rate = 2 * 4096**3 / _seconds(lambda: matrix @ matrix, device)
    bandwidth = 2 * block.numel() / _seconds(block.clone, device)
    step = _seconds(lambda: ours.step(image, mask), device)
    operations, moved = flops.get_total_flops(), traffic.total
    print(f"a step of {BATCH} slices, {ours.settings.base_channels} channels, {dtype}: {1e3 * step:.1f} ms")
    print(f"  arithmetic: {operations / 1e9:.1f} GFLOP at {rate / 1e9:.0f} GFLOP/s = {1e3 * operations / rate:.1f} ms")
    print(f"  memory: {moved / 1e9:.2f} GB at {bandwidth / 1e9:.1f} GB/s = {1e3 * moved / bandwidth:.1f} ms")
    print(f"  the step takes {step / max(operations / rate, moved / bandwidth):.2f} times the larger of the two")


def _seconds(work, device: torch.device, repeats: int = 7) -> float:
    found = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize()
        found.append(time.perf_counter() - start)
    return sorted(found)[repeats // 2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--study", default="demo")
    parser.add_argument("--dataset", default="acdc")
    parser.add_argument("--channels", type=int, default=8)
    parser.add_argument("--slices", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--epochs", type=int)
    arguments = parser.parse_args()
    hardware.tune()
    found = slices.load(*paths.slices(arguments.study, arguments.dataset))
    train, device, width = found.part("train", 0), hardware.device(), arguments.channels
    count = None if arguments.epochs else arguments.slices
    data, classes = Tensors.of(train.images[:count], train.masks[:count], device), int(found.masks.max()) + 1
    fast = hardware.precision("auto")
    ours = {f"ours, {precision}": Ours(data, classes, width, precision) for precision in dict.fromkeys((fast, "float32"))}
    alike = ours["ours, float32"]
    contenders = ours | {
        "plain PyTorch loop, float32": plain(data, alike),
        "MONAI BasicUNet and DiceCELoss, float32": monai(data, alike),
    }
    if arguments.epochs:
        validating = found.part("val", 0)
        tensors = Tensors.of(validating.images, validating.masks, device)
        until(contenders, tensors, replace(alike.settings, epochs=arguments.epochs))
        return
    height, across = data.masks.shape[1:]
    print(f"an epoch of {len(data)} slices of {height}×{across}, {width} base channels, batches of {BATCH}\n")
    run(contenders, arguments.repeats, "s / epoch")
    shares(ours[f"ours, {fast}"], data)
    floor(ours[f"ours, {fast}"], data)


if __name__ == "__main__":
    main()
