"""Our recipe beside MONAI's BasicUNet as its tutorials train it, and what both cost beside nnU-Net's 2-D network.

    python benchmarks/peers.py --dataset hippocampus --epochs 2

Both train on the same slices of a study (`dvc repro preprocess@recipe-hippocampus`), those that train with seed 0, for as many
epochs, in this process, and validate on fold 0: foreground Dice of counts pooled over its slices on the network's grid, ours of
the averaged network. The tutorials' way: BasicUNet with its own 32 to 256 channels, `DiceCELoss` over a softmax, Adam at 1e-4,
float32, no augmentation, the last epoch; batches are the study's. CPU time is of all threads, ours with validation.

Floating-point operations are those of PyTorch's `FlopCounterMode` (a multiplication and an addition are two) on tensors without
data, forward and backward of one slice, times slices and steps; ours and BasicUNet's with validation where ours is due.
nnU-Net's 2-D network for ACDC is MONAI's `DynUNet` of seven levels, 32 to 512 channels, with deep supervision, on patches of
256×224 in batches of 58, 1,000 epochs of 250 steps; its validation is left out.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from monai.losses import DiceCELoss
from monai.networks.nets import BasicUNet, DynUNet
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from cedice import params, paths
from cedice.data import slices
from cedice.metrics import headline, region_counts
from cedice.networks import build
from cedice.paths import Training
from cedice.training import hardware, loop, settings
from cedice.training.forward import Tensors, infer, most_probable
from cedice.training.validation import due

PATCH, BATCH, STEPS = (256, 224), 58, 1000 * 250  # nnU-Net's plan for ACDC
FEATURES = (32, 64, 128, 256, 512, 512, 512)
HALVED = ((2, 2),) * 5 + ((2, 1),)  # between its seven levels: 256×224 down to 4×7


def tutorial(train: Tensors, val: Tensors, classes: int, epochs: int, batch: int) -> float:
    """Foreground Dice of BasicUNet."""
    torch.manual_seed(0)
    model = BasicUNet(spatial_dims=2, in_channels=1, out_channels=classes).to(train.images.device)
    loss_function = DiceCELoss(to_onehot_y=True, softmax=True)
    optimizer = torch.optim.Adam(model.parameters(), 1e-4)
    for epoch in range(1, epochs + 1):
        start = time.monotonic()
        model.train()
        for chosen in torch.randperm(len(train)).split(batch):
            image, mask = train.batch(chosen)
            optimizer.zero_grad()
            loss_function(model(image.contiguous()), mask[:, None].long()).backward()
            optimizer.step()
        print(f"MONAI BasicUNet epoch {epoch}/{epochs}  {time.monotonic() - start:.1f} s", flush=True)
    counts = [region_counts(most_probable(logits), mask, classes) for logits, mask in infer(model, val, "float32")]
    sums = (torch.cat(column).sum(dim=0).numpy() for column in zip(*counts, strict=True))
    return headline(*sums)["foreground"]["dice"]


def timed(work: Callable[[], float]) -> tuple[float, float]:
    """(what ``work`` returns, CPU minutes)."""
    start = time.process_time()
    return work(), (time.process_time() - start) / 60


def operations(make: Callable[[], nn.Module], loss: Callable, size: tuple[int, int]) -> tuple[int, int, int]:
    """(parameters, operations of a training step, operations of a forward pass), of one slice."""
    with torch.device("meta"):
        model, image, mask = make(), torch.zeros(1, 1, *size), torch.zeros(1, *size, dtype=torch.int64)
    with FlopCounterMode(display=False) as forward:
        out = model(image)
    with FlopCounterMode(display=False) as backward:
        loss(out, mask).backward()
    once = forward.get_total_flops()
    return sum(weights.numel() for weights in model.parameters()), once + backward.get_total_flops(), once


def validations(epochs: int) -> int:
    return sum(due(epoch, epochs) for epoch in range(1, epochs + 1))


def nnunet() -> nn.Module:
    return DynUNet(2, 1, 4, [3] * 7, [1, *HALVED], HALVED, filters=FEATURES, deep_supervision=True, deep_supr_num=5)


def total(out: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
    return out.sum()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--study", default="recipe")
    parser.add_argument("--dataset", default="hippocampus")
    parser.add_argument("--epochs", type=int, help="default: the study's")
    given = parser.parse_args()
    hardware.tune()
    project = params.load()
    training = Training(given.study, given.dataset, "ce_dl", 0)
    data = slices.load(*paths.slices(given.study, given.dataset))
    classes, size = int(data.masks.max()) + 1, data.masks.shape[1:]
    whole = Tensors.of(data.images, data.masks, hardware.device())
    train, val = (whole.part(data.rows(side, 0)) for side in ("train", "val"))
    full = settings.of(project, training, classes)
    ours = replace(full, epochs=given.epochs or full.epochs)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "checkpoint.safetensors"
        named = "averaged_dice_foreground"
        our_dice, our_minutes = timed(lambda: loop.train(train, val, ours, file, str(training)).history[-1][named])
    their_dice, their_minutes = timed(lambda: tutorial(train, val, classes, ours.epochs, full.batch_size))
    both = {
        "ours": (our_dice, our_minutes, *operations(lambda: build(full.network()), total, size), 2),
        "MONAI BasicUNet": (
            their_dice,
            their_minutes,
            *operations(lambda: BasicUNet(spatial_dims=2, in_channels=1, out_channels=classes), total, size),
            1,
        ),
    }
    print(f"{given.study} {given.dataset}: {len(train)} slices train, {len(val)} validate, {ours.epochs} epochs\n")
    print("| network | foreground Dice | CPU minutes | parameters | PFLOP of the training |")
    print("| --- | --- | --- | --- | --- |")
    for name, (dice, minutes, weights, step, forward, validated) in both.items():
        cost = ours.epochs * len(train) * step + validations(ours.epochs) * validated * len(val) * forward
        print(f"| {name} | {dice:.4f} | {minutes:.2f} | {weights:,} | {cost / 1e15:.4g} |")
    _, _, _, step, forward, _ = both["ours"]
    cost = full.epochs * len(train) * step + validations(full.epochs) * 2 * len(val) * forward
    weights, theirs, _ = operations(nnunet, total, PATCH)
    whole_cost = theirs * BATCH * STEPS
    print(f"\nour whole training, {full.epochs} epochs: {cost / 1e15:.4g} PFLOP")
    print(f"nnU-Net 2-D, a fold: {weights:,} parameters, {whole_cost / 1e15:.4g} PFLOP, {whole_cost / cost:.0f} times as many")


if __name__ == "__main__":
    main()
