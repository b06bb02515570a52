"""How often a difference is called where there is none: by units alone, and by the test that decides (`analysis.statistics`).

`python benchmarks/false_alarms.py` draws differences of mean 0 with the variance components that the foreground Dice has in
study `small`: of trainings, of units (patients or slices), and of the rest. It prints the share of draws that each rule calls
at a level of 5 %. "By units alone": Wilcoxon's p below 5 %, the bootstrap interval without 0, and all seeds of one sign.
"""

import numpy as np
import pandas as pd

from cedice import params
from cedice.analysis.statistics import LEVEL, components, paired
from cedice.evaluation import counts, runs
from cedice.paths import Training

DRAWS = 2000


def main() -> None:
    study = params.load().small
    print(f"{'components of':14} {'seeds':>5} {'by units alone':>15} {'by the test that decides':>25}")
    for dataset in study.epochs:
        spreads, units = measured(dataset, study.seeds)
        for seeds in (3, 5, 10):
            random, alone, decided = np.random.default_rng(0), 0, 0
            for _ in range(DRAWS):
                shapes = (seeds, 1), (1, units), (seeds, units)
                draw = sum(random.normal(0, spread, shape) for spread, shape in zip(spreads, shapes, strict=True))
                result = paired(draw, margin=0)
                away = not result.boot_low <= 0 <= result.boot_high
                alone += result.p_units < LEVEL and away and result.agreeing == seeds
                decided += result.p < LEVEL
            print(f"{dataset:14} {seeds:5} {alone / DRAWS:15.1%} {decided / DRAWS:25.1%}", flush=True)


def measured(dataset: str, seeds: list[int]) -> tuple[tuple[float, float, float], int]:
    """The components in the differences of foreground Dice, as standard deviations, and the number of units."""
    dice = {
        loss: pd.DataFrame(counts.regions(runs.Run.of(Training("small", dataset, loss, seed)).counts)["dice"] for seed in seeds)
        for loss in params.LOSSES
    }
    differences = dice["ce_dl"].to_numpy() - dice["ce"].to_numpy()
    return components(differences), differences.shape[1]


if __name__ == "__main__":
    main()
