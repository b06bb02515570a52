"""The project's tables (CSV), read so that names stay names."""

from pathlib import Path

import pandas as pd

TEXT = ("slice", "volume", "patient", "frame", "split", "spacing_unit", "axes")


def read_table(path: Path) -> pd.DataFrame:
    """A table whose columns `TEXT`, where it has them, hold text exactly as it is written: a patient may be called NA, 007 or
    1e5. In the other columns an empty value is NaN.

    OSError and ValueError as pandas raises them.
    """
    return pd.read_csv(path, converters=dict.fromkeys(TEXT, str))
