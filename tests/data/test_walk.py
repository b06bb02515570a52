"""Which files of a folder or archive are seen: by the check, the download and the hash of a tree alike."""

import os
import shutil
import unicodedata
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cedice.data import archives
from cedice.data.check import check
from cedice.data.sources.folder import FolderSource
from cedice.data.walk import tree_sha256, walk
from cedice.described import Files
from cedice.errors import CediceError

PATTERNS = ("{patient}/img.png", "{patient}/seg.png")


def source(folder: Path, images: str = PATTERNS[0], masks: str = PATTERNS[1]) -> FolderSource:
    description = {
        "kind": "files",
        "path": str(folder),
        "images": images,
        "masks": masks,
        "classes": {"background": 0, "square": 1},
        "intensity": {"kind": "window", "low": 0, "high": 255},
    }
    return FolderSource("mine", Files.model_validate(description))


def put(folder: Path, *names: str, images: str = PATTERNS[0], masks: str = PATTERNS[1]) -> Path:
    """An image and a mask of each patient, no two alike."""
    for name in names:
        label = np.zeros((40, 36), np.uint8)
        label[8:20, 9:21] = 1
        random = np.random.default_rng(list(os.fsencode(name)))
        for pattern, pixels in ((images, random.integers(0, 250, label.shape).astype(np.uint8)), (masks, label)):
            path = folder / pattern.replace("{patient}", name)
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                Image.fromarray(pixels).save(file, "PNG")
    return folder


def patients(number: int, first: int = 0) -> list[str]:
    return [f"p{n}" for n in range(first, first + number)]


def asked(own: FolderSource, tmp_path: Path) -> tuple[list[str], list[str], list[str], list[str]]:
    """The check's lines and problems; what the download tells, and its one line of error; both must see the same cases."""
    findings = check(own, "patient", 8)
    told: list[str] = []
    try:
        record = archives.obtain(own, tmp_path / "raw", told.append)
    except CediceError as error:
        return findings.lines, findings.problems, told, [str(error)]
    assert findings.slices is not None
    assert record["volumes"] == findings.slices.index["volume"].nunique()
    return findings.lines, findings.problems, told, []


def test_linked_folders_are_followed_and_none_is_read_twice(tmp_path):
    folder = put(tmp_path / "set", *patients(5))
    put(tmp_path / "store", *patients(5, 5))
    for name in patients(5, 5):
        (folder / name).symlink_to(tmp_path / "store" / name)
    (folder / "loop").symlink_to(tmp_path)
    (folder / "latest").symlink_to(folder / "p0")
    lines, problems, told, refused = asked(source(folder), tmp_path)
    assert lines[0] == "10 volumes or images of 10 patients, 10 slices of 36×40 pixels"
    assert told == ["mine: 2 links lead to folders read already (for example: latest, loop)"]
    assert told[0].removeprefix("mine: ") in lines
    assert not problems and not refused


def test_a_link_that_leads_nowhere_is_named(tmp_path):
    folder = put(tmp_path / "set", *patients(10))
    (folder / "p10").symlink_to(tmp_path / "nowhere")
    (folder / "p11").symlink_to("p11")
    (folder / "notes.txt").symlink_to(tmp_path / "nowhere.txt")  # can be neither image nor mask
    _, problems, _, refused = asked(source(folder), tmp_path)
    assert problems == [
        f"mine: p10: a link that leads nowhere ({tmp_path}/nowhere); mend it or remove it",
        "mine: p11: a link that leads nowhere (p11); mend it or remove it",
    ]
    assert refused == problems[:1]


def test_what_fits_neither_pattern_is_told_with_examples(tmp_path):
    folder = put(tmp_path / "scans", *patients(10))
    put(folder, "", images="img.png", masks="seg.png")  # a stray pair, which once became a patient called scans
    (folder / "README.txt").touch()
    lines, problems, told, _ = asked(source(folder), tmp_path)
    assert told == ["mine: 3 files fit neither pattern (for example: README.txt, img.png, seg.png)"]
    assert told[0].removeprefix("mine: ") in lines
    assert "10 patients" in lines[0]
    assert not problems
    archive = Path(shutil.make_archive(str(tmp_path / "scans"), "zip", folder))
    assert asked(source(archive), tmp_path)[2] == told


def test_shadow_files_are_not_seen(tmp_path):
    folder = put(tmp_path / "set", *patients(10))
    before = tree_sha256(folder)
    for name in ("p0/._img.png", "p0/Thumbs.db", "DESKTOP.INI", ".DS_Store", "__MACOSX/p0/img.png", ".git/p0/seg.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    lines, problems, told, refused = asked(source(folder), tmp_path)
    assert "10 patients" in lines[0]
    assert not problems and not told and not refused
    assert tree_sha256(folder) == before


def test_endings_in_capitals_are_taken(tmp_path):
    folder = put(tmp_path / "set", *patients(5))
    put(folder, *patients(5, 5), images="{patient}/img.PNG", masks="{patient}/seg.Png")
    assert "10 patients" in asked(source(folder), tmp_path)[0][0]


@pytest.mark.parametrize("forms", [("NFD", "NFC"), ("NFC", "NFD")])
def test_accents_pair_however_they_are_written(tmp_path, forms):
    for form, kind in zip(forms, ("images", "masks"), strict=True):
        for number in range(10):
            name = unicodedata.normalize(form, f"José{number}")
            put(tmp_path / "set", name, images="images/{patient}.png", masks="masks/{patient}.png")
            other = "masks" if kind == "images" else "images"
            (tmp_path / "set" / other / f"{name}.png").unlink()
    own = source(tmp_path / "set", "images/{patient}.png", "masks/{patient}.png")
    lines, problems, _, _ = asked(own, tmp_path)
    assert "10 patients" in lines[0]
    assert not problems
    assert set(walk(tmp_path / "raw").files) == {f"{kind}/José{n}.png" for kind in ("images", "masks") for n in range(10)}


CLASHES = {
    "upper and lower case": (["p3", "P3"], PATTERNS, "P3/img.png and p3/img.png would both be of patient p3"),
    "accents": (
        [unicodedata.normalize(form, "é") for form in ("NFC", "NFD")],
        PATTERNS,
        r"'e\u0301/img.png' and '\xe9/img.png'",
    ),
    "joined alike": (
        ["site_1/2", "site/1_2"],
        ("{centre}/{name}/img.png", "{centre}/{name}/seg.png"),
        "site/1_2/img.png and site_1/2/img.png would both be of volume site_1_2",
    ),
}


@pytest.mark.parametrize("kind", CLASHES)
def test_names_that_cannot_be_told_apart_are_refused_with_both(tmp_path, kind):
    names, patterns, line = CLASHES[kind]
    folder = put(tmp_path / "set", *names, *(f"a/{n}" if "/" in names[0] else f"a{n}" for n in range(8)))
    _, problems, _, refused = asked(source(folder, *patterns), tmp_path)
    assert line in problems[0]
    assert line in refused[0]


def test_names_that_are_not_utf8_are_one_line(tmp_path):
    folder = put(tmp_path / "set", *patients(5), os.fsdecode(b"m\xfcller"))
    _, problems, _, refused = asked(source(folder), tmp_path)
    assert problems[0] == "mine: m\\xfcller/img.png: its name is not UTF-8; rename it"
    assert refused == problems[:1]


class _Unmarked(zipfile.ZipInfo):
    """A member whose name is UTF-8 without the flag that says so, as some systems write it."""

    def _encodeFilenameFlags(self):  # noqa: N802
        return self.filename.encode(), self.flag_bits


@pytest.mark.parametrize("kind", [zipfile.ZipInfo, _Unmarked])
def test_zips_as_other_systems_write_them(tmp_path, kind):
    folder = put(tmp_path / "set", *(f"José{n}" for n in range(10)))
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for name, path in walk(folder).files.items():
            info = kind("x")
            info.filename = name if kind is _Unmarked else name.replace("/", "\\")
            archive.writestr(info, path.read_bytes())
    _, problems, _, refused = asked(source(tmp_path / "set.zip"), tmp_path)
    assert not problems and not refused
    assert set(walk(tmp_path / "raw").files) == set(walk(folder).files)


def test_of_two_masks_for_an_image_the_narrower_pattern_is_told(tmp_path):
    folder = put(tmp_path / "set", "21", images="images/{patient}.png", masks="gt/{patient}_manual1.png")
    shutil.copy(folder / "gt/21_manual1.png", folder / "gt/21_manual2.png")
    problems = source(folder, "images/{patient}.png", "gt/{patient}_*.png").survey(folder).problems
    assert len(problems) == 1
    assert "gt/21_manual1.png and gt/21_manual2.png both fit masks" in problems[0]
    assert "choose one, as by masks: 'gt/{patient}_manual1.png'" in problems[0]


def test_repeats_are_one_line(tmp_path):
    folder = put(tmp_path / "set", *patients(20))
    for name in patients(20):
        colour = np.random.default_rng(0).integers(0, 255, (40, 36, 3)).astype(np.uint8)
        Image.fromarray(colour).save(folder / name / "img.png")
    (problem,) = check(source(folder), "patient", 8).problems
    assert problem.startswith("20 of 20 files: in colour, ")
    assert problem.endswith("(first: p0/img.png)")
