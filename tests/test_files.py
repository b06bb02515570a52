"""Whole files only, and nothing of the user's in their place."""

import io
import os
import signal
import stat
import warnings
from pathlib import Path

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure
from PIL import Image

from cedice.files import replacing, save_figure, write_text
from cedice.reporting.drawing import STYLE


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


@pytest.mark.parametrize("title", ["a$_{1^$b", "$x$", "cost$5", "heart🫀", "心脏", "two\nlines"])
def test_a_figure_draws_any_text_as_it_is(tmp_path, title):
    def made() -> Figure:
        figure = Figure(figsize=(7, 5))
        figure.suptitle(title)
        axes = figure.add_subplot()
        axes.set_xticks([0, 1], labels=[title, "b"])
        axes.yaxis.set_major_formatter(lambda *_: title)  # written when it is drawn
        return figure

    with mpl.rc_context({"text.parse_math": STYLE["text.parse_math"]}):
        ours = made()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save_figure(ours, tmp_path / "ours.png")
    with warnings.catch_warnings(), mpl.rc_context({"text.parse_math": False}):
        warnings.simplefilter("ignore")
        made().savefig(drawn := io.BytesIO(), dpi=110, format="png")
    with Image.open(drawn) as picture:
        picture.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(tmp_path / "plain.png", "PNG", optimize=True)
    assert (tmp_path / "ours.png").read_bytes() == (tmp_path / "plain.png").read_bytes()


def test_two_that_write_one_file_at_once_both_end_and_the_later_ones_stays(tmp_path):
    file = tmp_path / "table.csv"
    with replacing(file) as first:
        first.write_text("first")
        with replacing(file) as second:
            second.write_text("second")
        assert file.read_text() == "second"
    assert file.read_text() == "first"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("mask", [0o022, 0o002, 0o077])
def test_a_file_has_the_mode_of_the_umask_whatever_wrote_it(tmp_path, mask):
    before = os.umask(mask)
    try:
        with replacing(tmp_path / "model") as new:
            os.close(os.open(new, os.O_CREAT | os.O_WRONLY, 0o600))  # as safetensors does
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "model").stat().st_mode) == 0o666 & ~mask


def test_a_name_may_be_as_long_as_the_disk_allows(tmp_path):
    write_text(tmp_path / ("a" * 255), "new")
    assert (tmp_path / ("a" * 255)).read_text() == "new"
