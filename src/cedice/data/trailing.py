"""What follows the end of a compressed file: a line end, say, or what a transfer has added."""

import gzip
from collections.abc import Callable


def read(reader: Callable[[int], bytes], limit: int) -> tuple[int, str]:
    """Read on to the end of an unpacked file by its ``reader``, and so to the checksum, but no more than ``limit`` bytes.

    (How many there were, "" or a line where bytes that are no gzip follow the sound end of a gzip: they are left out, as gunzip
    does it; of bzip2 and xz Python leaves them out itself.) Raises as the reader does where the file is damaged.
    """
    try:
        return len(reader(limit)), ""
    except gzip.BadGzipFile as error:
        if not str(error).startswith("Not a gzipped file"):  # but a wrong checksum
            raise
        return 0, "bytes that are no gzip follow its end: left out, as gunzip does it"
