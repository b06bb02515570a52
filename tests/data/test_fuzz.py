"""Random damage to what is read ends in a line, for a few hundred inputs here and for many thousands in `fuzz.py`."""

import fuzz
import pytest


@pytest.mark.slow
def test_no_damaged_file_ends_in_anything_but_a_line(tmp_path):
    answers = fuzz.fuzz(600, seed=1, scratch=tmp_path)
    assert sum(sum(counts.values()) for counts in answers.values()) == 600
    assert all(counts["refused"] for counts in answers.values())
    assert sum(counts["read"] for counts in answers.values()) > 20  # damage that does no harm, too
