"""CE + DL minus CE, seed by seed: the one place that pairs the two losses."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import numpy as np

from cedice.paper import PAIR

BASE, OTHER = PAIR  # the second is held against the first
Kept = TypeVar("Kept")


def of_pair(by_network: Mapping[str, Mapping[tuple[str, str, int], Kept]]) -> dict[str, dict[tuple[str, str, int], Kept]]:
    """{network: what is there by (data set, loss, seed)}, of these two losses alone."""
    return {network: {key: kept for key, kept in of.items() if key[1] in PAIR} for network, of in by_network.items()}


def minus(values: Mapping[tuple[str, int], Any], seeds: Iterable[int]) -> np.ndarray:
    """(seeds, …): what ``values``, by (loss, seed), have more with the second loss than with the first. Values with an index
    must have the same one."""
    return np.stack([values[OTHER, seed] - values[BASE, seed] for seed in seeds])
