"""What a user sees of an error, on any terminal."""

import io
import os
import sys

import pytest

from cedice.errors import CediceError, reported

NAMES = "heart🫀 心脏 " + os.fsdecode(b"m\xfcller")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_name_that_the_terminal_has_no_letters_for_is_printed_as_escapes(monkeypatch, encoding):
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    with reported("interrupted"):
        print(NAMES, flush=True)
    printed = sys.stdout.buffer.getvalue().decode(encoding)
    assert printed == NAMES.encode(encoding, "backslashreplace").decode(encoding) + "\n"


@pytest.mark.parametrize("error", [CediceError("a\x1b[2Jb\nc: wrong"), OSError(36, "wrong", "a\x1b[2Jb\nc")])
def test_an_error_is_one_line_whatever_the_name_in_it(error):
    with pytest.raises(SystemExit) as ended, reported("interrupted"):
        raise error
    assert ended.value.code.startswith("error: a\\x1b[2Jb")
    assert "\n" not in ended.value.code
