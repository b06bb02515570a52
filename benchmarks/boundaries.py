"""Surface Dice at three tolerances, HD95 and mean surface distance per slice and class: ours against MONAI's metrics.

    python benchmarks/boundaries.py --study small --slices 64 --repeats 3

Takes validation masks of a study's ACDC slices, and the same moved by a pixel as the predictions.
"""

import argparse
import warnings

import numpy as np
import torch
from contest import run
from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance, compute_surface_dice
from monai.networks.utils import one_hot

from cedice import paths
from cedice.data import slices
from cedice.evaluation import boundaries

CLASSES = 4


def monai(labels: np.ndarray, masks: np.ndarray) -> dict[str, np.ndarray]:
    """Each (slices, foreground classes)."""
    both = [one_hot(torch.from_numpy(maps).unsqueeze(1), CLASSES, dtype=torch.uint8) for maps in (labels, masks)]
    found = {
        f"surface_dice_{tolerance}": compute_surface_dice(*both, [tolerance] * (CLASSES - 1)).numpy()
        for tolerance in boundaries.TOLERANCES
    }
    found["hd95"] = compute_hausdorff_distance(*both, percentile=95).numpy()
    return found | {"assd": compute_average_surface_distance(*both, symmetric=True).numpy()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--study", default="small")
    parser.add_argument("--slices", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore", module="monai")  # of its own deprecations, and of each class that a slice lacks
    val = slices.load(*paths.slices(arguments.study, "acdc")).part("val", 0)
    masks, index = val.masks[: arguments.slices], val.index.head(arguments.slices)
    labels = np.roll(masks, (1, 1), axis=(1, 2))
    ours, theirs = boundaries.table(labels, masks, index, CLASSES), monai(labels, masks)
    there = np.isfinite(ours["assd"].to_numpy())
    for measure in boundaries.MEASURES:
        difference = np.abs(ours[measure].to_numpy() - theirs[measure].ravel())[there]
        print(f"{measure}: largest difference {difference.max():.1e} over {there.sum()} values")
    print(f"\n{len(masks)} slices of 256×256, {CLASSES - 1} classes\n")
    contenders = {
        "ours": lambda: boundaries.table(labels, masks, index, CLASSES),
        "MONAI": lambda: monai(labels, masks),
    }
    run(contenders, arguments.repeats, "ms / slice", per=len(masks) / 1e3)


if __name__ == "__main__":
    main()
