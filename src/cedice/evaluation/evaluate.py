"""From weights to counts, the table that everything reported is a group-by over; the label maps behind it, and how far their
probabilities can be trusted (`cedice.evaluation.calibration`).

Layout of `reports/<study>/counts/<data set>/<loss>-seed<n>.csv`: slice, volume, patient, class (0 is the background), tp, fp,
fn, tn, in pixels of the 256×256 slice, or in the slice's own where the grid has a spacing; one row per validation slice and
class, slices in the order of the index table.
Layout of `data/<study>/predictions/<data set>/<loss>-seed<n>.npz`: `labels` (N, 256, 256) uint8 in that same order, or the
labels of the slices' own pixels in one row (`cedice.data.slices.flat`).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import nn

from cedice.data.slices import flat
from cedice.evaluation import calibration
from cedice.evaluation.bins import bin_sums
from cedice.evaluation.native import Native, probabilities
from cedice.evaluation.tabulate import count, table
from cedice.files import write_arrays, write_csv
from cedice.training.forward import Tensors, infer, predict


class Evaluated(NamedTuple):
    """The counts table, the predicted label maps (N, H, W) uint8, or a list of (H, W), and the calibration table."""

    counts: pd.DataFrame
    labels: np.ndarray | list[np.ndarray]
    calibration: pd.DataFrame


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
    sums = []
    for logits, mask in infer(model, data, precision, mirror=mirror):
        if native is None:
            prediction = predict(logits)
            counted.extend(count(prediction, mask, classes).cpu())
            labels.extend(prediction.cpu().numpy())
        else:
            for likely in probabilities(logits):
                number = len(labels)
                found, truth = native.labels(number, likely).cpu(), torch.from_numpy(native.truth[number])
                counted.append(count(found, truth, classes))
                labels.append(found.numpy())
        sums.append(bin_sums(logits, mask).cpu())
    bins = calibration.table(torch.cat(sums).numpy(), index)
    return Evaluated(table(torch.stack(counted), index, classes), np.stack(labels) if native is None else labels, bins)


def save(evaluated: Evaluated, counts: Path, labels: Path, bins: Path) -> None:
    """Write the three files."""
    maps = evaluated.labels
    write_arrays(labels, labels=flat(maps) if isinstance(maps, list) else maps)
    write_csv(counts, evaluated.counts)
    write_csv(bins, evaluated.calibration, float_format="%.8g")
