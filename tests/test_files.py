"""Whole files only, and nothing of the user's in their place."""

import pytest

from cedice.files import write_text


def test_a_folder_with_the_name_of_a_file_to_write_stays(tmp_path):
    folder = tmp_path / "heart_labels.nii.gz"
    folder.mkdir()
    (folder / "mine.txt").write_text("kept")
    with pytest.raises(IsADirectoryError, match="a folder has this name; move it away"):
        write_text(folder, "new")
    assert (folder / "mine.txt").read_text() == "kept"
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]
