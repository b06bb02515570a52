"""The mixtures of Gaussians that `stages/mixture.py` left, beside the networks: none, where it left nothing."""

import json
from typing import Any, NamedTuple

from cedice import paths
from cedice.evaluation.counts import load_counts, pooled_headline
from cedice.params import NAMINGS


class Fitted(NamedTuple):
    """``values``: {convention: {metric: value}} over the validation set; ``chosen``: the mixture as `choice.json` tells it."""

    values: dict[str, dict[str, float]]
    chosen: dict[str, Any]


Mixtures = dict[str, dict[str, Fitted]]  # by naming, one of `params.NAMINGS`, and data set


def load(study: str, classes: dict[str, int]) -> Mixtures:
    """Those of a study of which there are counts; ``classes``: how many each data set has. CediceError for damaged counts."""
    found: Mixtures = {}
    for naming in NAMINGS:
        folders = {dataset: paths.mixture(study, dataset, naming) for dataset in classes}
        fitted = {
            dataset: Fitted(
                pooled_headline(load_counts(folder / "counts.csv", classes[dataset])),
                json.loads((folder / "choice.json").read_text(encoding="utf-8"))[0],
            )
            for dataset, folder in folders.items()
            if folder.is_dir()
        }
        found |= {naming: fitted} if fitted else {}
    return found
