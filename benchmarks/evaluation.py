"""Counts, Dice and IoU of label maps, per slice and class: ours against MONAI's DiceMetric and MeanIoU.

    python benchmarks/evaluation.py --study small --repeats 5

Takes the validation masks of a study's ACDC slices, and the same with every border moved by a pixel as the predictions.
"""

import argparse

import torch
from contest import run
from monai.metrics import DiceMetric, MeanIoU
from monai.networks.utils import one_hot

from cedice import metrics, paths
from cedice.data import slices
from cedice.training import hardware

CLASSES = 4


def ours(prediction: torch.Tensor, target: torch.Tensor) -> list[torch.Tensor]:
    counts = metrics.region_counts(prediction, target, CLASSES)
    return [metrics.dice(*counts), metrics.iou(*counts)]


def monai(prediction: torch.Tensor, target: torch.Tensor) -> list[torch.Tensor]:
    both = [one_hot(labels.unsqueeze(1), CLASSES, dtype=torch.uint8) for labels in (prediction, target)]
    options = {"include_background": True, "reduction": "none", "ignore_empty": False}
    return [metric(*both) for metric in (DiceMetric(**options), MeanIoU(**options))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--study", default="small")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    hardware.tune()
    masks = slices.load(*paths.slices(arguments.study, "acdc")).part("val", 0).masks
    target = torch.from_numpy(masks).to(hardware.device())
    prediction = target.roll((1, 1), dims=(1, 2))
    for mine, theirs in zip(ours(prediction, target), monai(prediction, target), strict=True):
        both = mine.isfinite()  # where neither map has the class, ours says NaN and MONAI 1
        print(f"largest difference: {(mine - theirs)[both].abs().max().item():.1e} over {int(both.sum())} values")
    print(f"\n{len(target)} slices of 256×256, {CLASSES} classes\n")
    contenders = {
        "ours: counts, Dice, IoU": lambda: ours(prediction, target),
        "MONAI: one-hot, DiceMetric, MeanIoU": lambda: monai(prediction, target),
    }
    run(contenders, arguments.repeats, "ms / slice", per=len(target) / 1e3)


if __name__ == "__main__":
    main()
