"""The counts of the last epochs, slice by slice: from them follows how much a result varies from epoch to epoch.

Layout of `reports/<study>/epochs/<data set>/<loss>-seed<n>.csv.gz`: readout, epoch, slice, patient, class (0 is the
background), tp, fp, fn, in pixels; slices in the order of the index table. No time stamp: the same counts give the same bytes.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from cedice.files import write_csv
from cedice.paths import READOUTS


def table(counts: np.ndarray, last: int, index: pd.DataFrame) -> pd.DataFrame:
    """The layout above. counts: (epochs, readouts, slices, classes, 3) integer TP, FP, FN, as training returns them, of which
    the last epoch has the number ``last``; ``index``: the rows of the slices."""
    epochs, readouts, slices, classes, _ = counts.shape
    readout, epoch, place, label = (axis.ravel() for axis in np.indices((readouts, epochs, slices, classes)))
    rows = pd.DataFrame({"readout": np.array(READOUTS)[readout], "epoch": epoch + last - epochs + 1})
    for name in ("slice", "patient"):
        rows[name] = index[name].to_numpy()[place]
    rows["class"] = label
    rows[["tp", "fp", "fn"]] = counts.swapaxes(0, 1).reshape(-1, 3)
    return rows


def save(target: Path, rows: pd.DataFrame) -> None:
    """Write the layout above."""
    write_csv(target, rows, compression={"method": "gzip", "mtime": 0})
