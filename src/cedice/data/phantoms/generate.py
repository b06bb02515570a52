"""The embedded data: phantoms written in the real archives' own layouts and formats, so that no later stage can tell.

Each patient gets an anatomy, a contrast and an acquisition of its own, all drawn from (seed, data set, patient), so that
adding patients leaves the earlier ones as they were.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from cedice.data import archives
from cedice.data.phantoms import cardiac, chest
from cedice.data.registry import PUBLISHED
from cedice.files import replacing

_WRITERS: dict[str, Callable[[np.random.Generator, int, int, Path], None]] = {
    "acdc": cardiac.write_patient,
    "covid19": chest.write_patient,
}


def obtain(dataset: str, patients: int, seed: int, destination: Path) -> dict[str, Any]:
    """Generate ``patients`` of ``dataset`` under ``destination``; the record has the fields of `archives.obtain`."""
    with replacing(destination, folder=True) as new:
        for number in tqdm(range(1, patients + 1), desc=f"phantom {dataset}", unit="patient", disable=None):
            generator = np.random.default_rng([seed, sorted(_WRITERS).index(dataset), number])
            _WRITERS[dataset](generator, number, patients, new)
    description = archives.describe(PUBLISHED[dataset], destination)
    return {"origin": "generated", "archive": None, "archive_sha256": None, "synthetic": True, "seed": seed, **description}
