"""Whole files only, and nothing of the user's in their place."""

import os
import signal
from pathlib import Path

import pytest

from cedice.files import replacing, write_text


def test_a_folder_with_the_name_of_a_file_to_write_stays(tmp_path):
    folder = tmp_path / "heart_labels.nii.gz"
    folder.mkdir()
    (folder / "mine.txt").write_text("kept")
    with pytest.raises(IsADirectoryError, match="a folder has this name; move it away"):
        write_text(folder, "new")
    assert (folder / "mine.txt").read_text() == "kept"
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_folder_is_the_old_or_the_new_one_when_a_signal_comes_between(tmp_path, monkeypatch, number):
    folder, rename = tmp_path / "figures", Path.rename
    folder.mkdir()
    (folder / "old").touch()

    def interrupted(old: Path, target: Path) -> Path:
        os.kill(os.getpid(), number)
        return rename(old, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    before = signal.signal(number, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), replacing(folder, folder=True) as new:
            (new / "new").touch()
    finally:
        signal.signal(number, before)
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")] == ["figures", "figures/new"]
