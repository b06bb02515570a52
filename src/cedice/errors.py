"""The one error that a user's input can cause, and the one line that the user sees of it."""

import difflib
import errno
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper


class CediceError(Exception):
    """What is wrong, where (file, key, slice) and what to do about it, in one line."""


def meant(name: str, known: Iterable[str]) -> str:
    """ " (did you mean …?)", for a message, where one of the ``known`` names is much like ``name``; "" where none is."""
    close = difflib.get_close_matches(name, known, n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def printable(text: object) -> str:
    """On one line whatever names a ``text`` has in it: bytes that are no UTF-8, line ends, tabs and marks that cannot be seen
    as their escapes."""
    return "".join(_escaped(letter) for letter in str(text))


def _escaped(letter: str) -> str:
    if letter.isprintable():
        return letter
    return f"\\x{ord(letter) - 0xDC00:02x}" if 0xDC80 <= ord(letter) <= 0xDCFF else letter.encode("unicode_escape").decode()


@contextmanager
def within_memory(where: object) -> Iterator[None]:
    """CediceError, naming ``where``, for what does not fit into memory."""
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENOMEM:
            raise
        raise _too_large(where) from error
    except MemoryError as error:
        raise _too_large(where) from error


def os_words(error: OSError) -> str:
    """The file and what the system says of it, in one line."""
    return f"{error.filename or 'input/output'}: {error.strerror or error}"


def _too_large(where: object) -> CediceError:
    return CediceError(f"{where}: does not fit into the memory that is free; close other programs, or split it")


@contextmanager
def reported(interrupted: str) -> Iterator[None]:
    """End the process with status 1 and one line on standard error for what the user can mend; Ctrl-C says ``interrupted``.
    What standard output cannot show of a name comes as its escape."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as standard error does from the start
    try:
        yield
    except CediceError as error:
        sys.exit(f"error: {printable(' '.join(str(error).split()))}")  # a library's words in it may have line ends
    except MemoryError:
        sys.exit("error: too little memory is free; close other programs, or take smaller files")
    except OSError as error:
        sys.exit(f"error: {printable(os_words(error))}")
    except KeyboardInterrupt:
        sys.exit(f"error: {interrupted}")
