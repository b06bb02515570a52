"""How often a difference is called where there is none: by patients alone, and by patients and trainings (`statistics`).

`python benchmarks/false_alarms.py` draws differences of mean 0 with the spreads that the foreground Dice has in study `small`,
of seeds, of patients (slices), and of both together, and prints the share of draws that each rule calls, at a level of 5 %. "By
patients alone": Wilcoxon's p below 5 %, the bootstrap interval without 0, and all seeds of one sign.
"""

import numpy as np
import pandas as pd

from cedice import params
from cedice.analysis.statistics import LEVEL, paired
from cedice.evaluation import counts, runs
from cedice.paths import Training

DRAWS = 1000


def main() -> None:
    small = params.load().small
    print(f"{'spreads of':12} {'seeds':>5} {'by patients alone':>18} {'by both':>8}")
    for dataset in small.epochs:
        spreads, units = measured(dataset, small.seeds)
        for seeds in (3, 5, 10):
            random, alone, both = np.random.default_rng(0), 0, 0
            for _ in range(DRAWS):
                shapes = (seeds, 1), (1, units), (seeds, units)
                found = paired(sum(random.normal(0, spread, shape) for spread, shape in zip(spreads, shapes, strict=True)))
                away = not found.boot_low <= 0 <= found.boot_high
                alone += found.p_units < LEVEL and away and found.agreeing == seeds
                both += found.p < LEVEL
            print(f"{dataset:12} {seeds:5} {alone / DRAWS:18.1%} {both / DRAWS:8.1%}", flush=True)


def measured(dataset: str, seeds: list[int]) -> tuple[tuple[float, float, float], int]:
    """Standard deviations of seeds, patients and the rest in the differences of foreground Dice, and how many patients."""
    dice = {
        loss: pd.DataFrame(counts.regions(runs.Run.of(Training("small", dataset, loss, seed)).counts)["dice"] for seed in seeds)
        for loss in params.LOSSES
    }
    found = dice["ce_dl"].to_numpy() - dice["ce"].to_numpy()
    by_seed, by_unit = found.mean(axis=1), found.mean(axis=0)
    rest = found - by_seed[:, None] - by_unit + found.mean()
    return (by_seed.std(ddof=1), by_unit.std(ddof=1), rest.std(ddof=1)), found.shape[1]


if __name__ == "__main__":
    main()
