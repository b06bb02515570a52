"""A disk that refuses: every stage says so in one line, keeps what was there and leaves nothing half-written.

A limit on the size of files stands in for the full disk: the system refuses to write on in the same way. A file where a folder
should be stands in for the folder that cannot be written to, which root, as in a container, may always do.
"""

import resource
from pathlib import Path

import pytest

from cedice.params import LOSSES

OF = ("--dataset", "covid19")
BYTES = 40  # smaller than anything that is written


def stages() -> list[tuple[str, ...]]:
    """(stage, arguments …) of a demo of one data set, in order."""
    made = [(name, *OF, "--loss", loss, "--seed", "0") for loss in LOSSES for name in ("train", "evaluate")]
    reports = [(name,) for name in ("samples", "figure1", "table", "plot")]
    return [("download", *OF), ("preprocess", *OF), *made, ("gather", *OF), *reports]


@pytest.fixture
def full():
    """full(work) runs it with files limited to `BYTES`."""

    def run(work):
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (BYTES, hard))
        try:
            return work()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))

    return run


def files(project: Path) -> set[Path]:
    return {path for top in ("data", "models", "reports", ".cedice") for path in (project / top).rglob("*") if path.is_file()}


@pytest.mark.slow
def test_a_full_disk_is_one_line_of_every_stage(project, stage, edit_params, full):
    edit_params(project, {"demo.source.patients": 10, "demo.epochs": {"covid19": 1}, "run.datasets": ["covid19"]})
    for name, *arguments in stages():
        before = files(project)
        line = full(lambda: stage(name, "--study", "demo", *arguments))  # noqa: B023  (called at once)
        assert line is not None, name
        assert line.startswith("error: "), (name, line)
        assert files(project) == before, name
        assert not list(project.rglob("*.part")), name
        assert stage(name, "--study", "demo", *arguments) is None, name
    before = {path: path.read_bytes() for path in files(project)}
    for name, *arguments in stages():  # what is there already stays
        if name != "train":  # which would have to train again
            full(lambda: stage(name, "--study", "demo", *arguments))  # noqa: B023
    assert {path: path.read_bytes() for path in files(project)} == before


def test_a_folder_that_cannot_be_written_to_is_one_line(project, stage):
    (project / "data").write_text("in the way")
    line = stage("download", "--study", "demo", "--dataset", "acdc")
    assert "Not a directory" in line or "File exists" in line
    assert "data" in line
