"""The counts of the last epochs, patient by patient: from them follows how much a result varies from epoch to epoch.

Layout of `epochs.csv.gz` in the folder of a training: readout, epoch, patient, class (0 is the background), tp, fp, fn, in
pixels of all slices of the patient; patients in the order of the index table. No time stamp: the same counts give the same
bytes.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from cedice.files import write_csv
from cedice.paths import READOUTS


def table(counts: np.ndarray, last: int, index: pd.DataFrame) -> pd.DataFrame:
    """The layout above. counts: (epochs, readouts, slices, classes, 3) integer TP, FP, FN, as training returns them, of which
    the last epoch has the number ``last``; ``index``: the rows of the slices."""
    numbers, names = index["patient"].factorize()
    epochs, readouts, _, classes, _ = counts.shape
    sums = np.zeros((readouts, epochs, len(names), classes, 3), np.int64)
    np.add.at(sums.swapaxes(0, 2), numbers, counts.transpose(2, 0, 1, 3, 4))
    readout, epoch, patient, label = (axis.ravel() for axis in np.indices(sums.shape[:-1]))
    keys = {"readout": np.array(READOUTS)[readout], "epoch": epoch + last - epochs + 1, "patient": names.to_numpy()[patient]}
    rows = pd.DataFrame(keys | {"class": label})
    rows[["tp", "fp", "fn"]] = sums.reshape(-1, 3)
    return rows


def save(target: Path, rows: pd.DataFrame) -> None:
    """Write the layout above."""
    write_csv(target, rows, compression={"method": "gzip", "mtime": 0})
