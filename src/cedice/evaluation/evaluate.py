"""From weights to counts, the table that everything reported is a group-by over; the label maps behind it, and how far their
probabilities can be trusted (`cedice.evaluation.calibration`).

Layout of `data/<study>/evaluation/<data set>/<loss>-seed<n>/`: a CSV file of each table in `cedice.evaluation.record.MEASURED`,
which begins with readout. `counts.csv`: slice, volume, patient, class (0 is the background), tp, fp, fn, tn, in pixels of the
256×256 slice, or in the slice's own where the grid has a spacing; one row per validation slice and class, slices in the order
of the index table. `labels-<readout>.npz`: `labels` (N, 256, 256) uint8 in that same order, or the labels of the slices' own
pixels in one row (`cedice.data.slices.flat`).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import nn

from cedice.data.slices import Slices
from cedice.evaluation import at_threshold, boundaries, calibration, targets, thresholds, volumes
from cedice.evaluation.bins import bin_sums
from cedice.evaluation.native import Native, probabilities
from cedice.evaluation.tabulate import count, table
from cedice.training.forward import Tensors, infer, most_probable, predict

_DISTANCES = {"float_format": "%.5g", "na_rep": "nan"}
FORMATS: dict[str, dict[str, Any]] = {  # of the tables' files, as of `pandas.DataFrame.to_csv`
    "counts": {},
    "thresholds": {},
    "calibration": {"float_format": "%.8g"},
    **dict.fromkeys(("surfaces", "targets", "volumes", "errors"), _DISTANCES),
}


class Evaluated(NamedTuple):
    """The counts table, the predicted label maps (N, H, W) uint8, or a list of (H, W), and the tables of calibration and of
    thresholds."""

    counts: pd.DataFrame
    labels: np.ndarray | list[np.ndarray]
    calibration: pd.DataFrame
    thresholds: pd.DataFrame


def evaluate(
    model: nn.Module,
    data: Tensors,
    index: pd.DataFrame,
    classes: int,
    precision: str,
    native: Native | None = None,
    mirror: Sequence[str] = (),
) -> Evaluated:
    """Of the slices in ``data``, whose rows are ``index``; counted on their own pixels where these are ``native``.

    ``mirror`` as in `cedice.training.forward.scores`.
    """
    labels: list[np.ndarray] = []
    counted: list[torch.Tensor] = []
    by_threshold: list[torch.Tensor] = []
    sums = []
    for logits, mask in infer(model, data, precision, mirror=mirror):
        if native is None:
            prediction = predict(logits)
            counted.extend(count(prediction, mask, classes).cpu())
            by_threshold.append(at_threshold.counted(probabilities(logits), mask).cpu())
            labels.extend(prediction.cpu().numpy())
        else:
            for grid_likely in probabilities(logits):
                number = len(labels)
                likely, truth = native.likely(number, grid_likely).cpu(), torch.from_numpy(native.truth[number])
                prediction = most_probable(likely)[0]
                counted.append(count(prediction, truth, classes))
                by_threshold.append(at_threshold.counted(likely, truth[None]))
                labels.append(prediction.numpy())
        sums.append(bin_sums(logits, mask).cpu())
    tables = calibration.table(torch.cat(sums).numpy(), index), thresholds.table(torch.cat(by_threshold).numpy(), index)
    return Evaluated(table(torch.stack(counted), index, classes), np.stack(labels) if native is None else labels, *tables)


def measured(evaluated: Evaluated, val: Slices, classes: int) -> dict[str, pd.DataFrame]:
    """The tables `cedice.evaluation.record.MEASURED` by their names, of the validation slices ``val``."""
    given = evaluated.labels, val.truth, val.index, classes
    return {
        "counts": evaluated.counts,
        "surfaces": boundaries.table(*given),
        "targets": targets.table(*given),
        "volumes": volumes.table(*given),
        "calibration": evaluated.calibration,
        "thresholds": evaluated.thresholds,
        "errors": boundaries.error_profile(evaluated.labels, val.truth),
    }
