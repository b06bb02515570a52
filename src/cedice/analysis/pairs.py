"""CE + DL minus CE, seed by seed: the one place that pairs the two losses."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from cedice.params import LOSSES

BASE, OTHER = LOSSES  # the second is held against the first


def minus(values: Mapping[tuple[str, int], Any], seeds: Iterable[int]) -> np.ndarray:
    """(seeds, …): what ``values``, by (loss, seed), have more with the second loss than with the first. Values with an index
    must have the same one."""
    return np.stack([values[OTHER, seed] - values[BASE, seed] for seed in seeds])
