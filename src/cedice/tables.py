"""The project's tables (CSV), read so that names stay names."""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

TEXT = ("dataset", "loss", "readout", "slice", "volume", "patient", "frame", "split", "spacing_unit", "axes")


def read_table(path: Path) -> pd.DataFrame:
    """A table whose columns `TEXT`, where it has them, hold text exactly as it is written: a patient may be called NA, 007 or
    1e5. In the other columns an empty value, or nan, is NaN.

    OSError and ValueError as pandas raises them; ValueError for a damaged .gz as well.
    """
    with _damage():
        numbers = [column for column in pd.read_csv(path, nrows=0).columns if column not in TEXT]
        missing = {column: ["", "nan"] for column in numbers}
        return pd.read_csv(path, dtype=dict.fromkeys(TEXT, str), keep_default_na=False, na_values=missing)


def read_text(path: Path) -> pd.DataFrame:
    """A table with every cell as it is written. Raises as `read_table`."""
    with _damage():
        return pd.read_csv(path, dtype=str, keep_default_na=False, na_filter=False)


@contextmanager
def _damage() -> Iterator[None]:
    try:
        yield
    except (EOFError, zlib.error) as error:
        raise ValueError(str(error)) from error
