"""Getting archives: every container that users have, every way one can be wrong, and a server that misbehaves."""

import http.server
import json
import re
import shutil
import tarfile
import threading
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import hostile
import pytest

from cedice import paths
from cedice.data import archives, packed
from cedice.data.phantoms import generate
from cedice.data.sources.acdc import Acdc
from cedice.data.sources.covid19 import Covid19
from cedice.errors import CediceError


@pytest.fixture(scope="module")
def cardiac(tmp_path_factory) -> Path:
    """An unpacked folder in ACDC's official layout, with a 4-D series and a test patient beside what is needed."""
    top = tmp_path_factory.mktemp("made") / "ACDC"
    generate.obtain("acdc", 5, 0, top)
    (top / "database/training/patient001/patient001_4d.nii.gz").write_bytes(b"a series")
    tested = top / "database/testing/patient101/patient101_frame01_gt.nii.gz"
    tested.parent.mkdir(parents=True)
    tested.write_bytes(b"a test patient")
    return top


def pack(folder: Path, archive: Path, prefix: str) -> Path:
    archive.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                opened.write(path, f"{prefix}{path.relative_to(folder).as_posix()}")
    return archive


def accept_any(monkeypatch):
    """Phantoms are not the published data: the verification has its own tests below."""
    monkeypatch.setattr(Acdc, "verify", lambda self, root: None)
    monkeypatch.setattr(Covid19, "verify", lambda self, root: None)


def from_server(monkeypatch, url: str):
    monkeypatch.setattr(Acdc, "parts", (replace(Acdc.parts[0], url=url),))


CONTAINERS = ["zip with ACDC/", "zip without", "tar", "tar.gz", "tar.xz", "folder ACDC", "folder of ACDC", "folder database"]


@pytest.mark.parametrize("container", CONTAINERS)
def test_acdc_in_every_container(project, monkeypatch, cardiac, container):
    accept_any(monkeypatch)
    given = project / "given"
    if container.startswith("zip"):
        pack(cardiac, given / "acdc.zip", "ACDC/" if container.endswith("ACDC/") else "")
    elif container.startswith("tar"):
        given.mkdir()
        _, _, compression = container.partition(".")
        with tarfile.open(given / f"acdc.{container}", f"w:{compression}") as opened:
            opened.add(cardiac, "ACDC")
    else:
        target = {"folder ACDC": "ACDC", "folder of ACDC": "acdc/ACDC", "folder database": "database"}[container]
        shutil.copytree(cardiac / "database" if target == "database" else cardiac, given / target)
    monkeypatch.setenv("CEDICE_ARCHIVES", str(given))
    found = archives.obtain(Acdc(), project / "raw")
    assert found["volumes"] == 10
    assert found["files"] == 25  # 5 patients with Info.cfg, two frames and their labels; no series, no test patient
    assert found["origin"] == "CEDICE_ARCHIVES"
    assert next(case.volume for case in Acdc().cases(project / "raw")) == "patient001_frame01"


@pytest.mark.parametrize("prefix", ["", "Inf-Net-fb3a03b/"])
def test_covid_in_every_container(project, monkeypatch, tmp_path, prefix):
    accept_any(monkeypatch)
    generate.obtain("covid19", 5, 0, tmp_path / "made")
    pack(tmp_path / "made", tmp_path / "given/Inf-Net-fb3a03b.zip", prefix)
    monkeypatch.setenv("CEDICE_ARCHIVES", str(tmp_path / "given"))
    found = archives.obtain(Covid19(), project / "raw")
    assert (found["volumes"], found["files"]) == (25, 50)


def broken_archives(cardiac: Path, given: Path):
    """(name, what the line must say): each a different way to be wrong."""
    whole = pack(cardiac, given / "acdc.zip", "ACDC/")
    content = whole.read_bytes()

    def truncated():
        whole.write_bytes(content[: len(content) // 2])

    def flipped():
        middle = len(content) // 2
        whole.write_bytes(content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :])

    def encrypted():
        marked = bytearray(content)
        for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # in the local and the central headers
            at = marked.find(signature)
            while at >= 0:
                marked[at + flags] |= 1
                at = marked.find(signature, at + 4)
        whole.write_bytes(marked)

    def empty():
        whole.write_bytes(b"")

    def page():
        whole.write_text("<!DOCTYPE html><title>Sign in</title>")

    def other():
        with zipfile.ZipFile(whole, "w") as opened:
            opened.writestr("readme.txt", "something else")

    def twice():
        with zipfile.ZipFile(whole, "a") as opened:
            opened.writestr("database/training/patient001/Info.cfg", "again, without the folder on top")

    return {
        "truncated": (truncated, "not a whole, readable zip"),
        "flipped": (flipped, "not a whole, readable zip"),
        "encrypted": (encrypted, "is encrypted; get an archive without a password"),
        "no member": (lambda: zipfile.ZipFile(whole, "w").close(), "holds no files"),
        "empty": (empty, "not a whole, readable zip"),
        "page": (page, "not a whole, readable zip"),
        "other": (other, "holds no file of ACDC"),
        "twice": (twice, "ambiguous"),
    }


@pytest.mark.parametrize("fault", ["truncated", "flipped", "encrypted", "no member", "empty", "page", "other", "twice"])
def test_a_wrong_archive_is_one_line_and_leaves_nothing(project, monkeypatch, stage, edit_params, cardiac, fault):
    accept_any(monkeypatch)
    damage, message = broken_archives(cardiac, project / "given")[fault]
    damage()
    monkeypatch.setenv("CEDICE_ARCHIVES", str(project / "given"))
    before = set(project.rglob("*"))
    line = stage("download", "--study", "small", "--dataset", "acdc")
    assert message in line
    assert "acdc.zip" in line
    assert [path for path in project.rglob("*") if path not in before and path.is_file()] == []


@pytest.mark.parametrize(("kind", "evil"), [("zip", evil) for evil in hostile.ZIP] + [("tar.gz", evil) for evil in hostile.TAR])
def test_a_hostile_archive_is_refused_before_anything_is_unpacked(project, monkeypatch, cardiac, stage, kind, evil):
    accept_any(monkeypatch)
    monkeypatch.setattr(packed, "TOTAL_LIMIT", 2**22)  # so that the bombs need not be big
    monkeypatch.setattr(packed, "MEMBERS_LIMIT", 50)
    message = hostile.make(kind, evil, cardiac, project / f"given/acdc.{kind}")
    monkeypatch.setenv("CEDICE_ARCHIVES", str(project / "given"))
    before = sorted(project.rglob("*"))
    line = stage("download", "--study", "small", "--dataset", "acdc")
    assert message in line
    assert f"acdc.{kind}" in line
    assert [path for path in sorted(project.rglob("*")) if path not in before and path.is_file()] == []


@pytest.mark.parametrize("damage", ["truncated", "flipped"])
def test_a_damaged_tar_is_one_line(project, monkeypatch, cardiac, stage, damage):
    accept_any(monkeypatch)
    archive = project / "given/acdc.tar.gz"
    archive.parent.mkdir()
    with tarfile.open(archive, "w:gz") as opened:
        opened.add(cardiac, "ACDC")
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 255
    archive.write_bytes(content[: len(content) // 2] if damage == "truncated" else content)
    monkeypatch.setenv("CEDICE_ARCHIVES", str(project / "given"))
    # Where the damage falls decides what is found first: the archive holds the times of its files.
    line = stage("download", "--study", "small", "--dataset", "acdc")
    assert re.search(r"acdc\.tar\.gz: (not a whole, readable zip or tar|goes on after its last member)", line)
    assert not paths.raw("small", "acdc").exists()


def test_contents_are_held_against_the_manifest(project, monkeypatch, stage, cardiac):
    pack(cardiac, project / "given/acdc.zip", "ACDC/")
    monkeypatch.setenv("CEDICE_ARCHIVES", str(project / "given"))
    line = stage("download", "--study", "small", "--dataset", "acdc")
    assert "ACDC: database/training/patient001/patient001_frame01_gt.nii.gz is not the published one" in line
    assert not paths.raw("small", "acdc").exists()


def test_a_folder_that_is_none(project, monkeypatch, stage):
    monkeypatch.setenv("CEDICE_ARCHIVES", str(project / "nowhere"))
    assert "CEDICE_ARCHIVES" in stage("download", "--study", "small", "--dataset", "acdc")


@pytest.fixture
def server(tmp_path):
    """A server on the loopback interface that gives ``answers`` (status, body) in turn, the last one again and again.

    A status above 1000 is 200 and then: 1001, the connection closed after half of the body; 1002, no more bytes."""
    answers: list[tuple[int, bytes]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            status, body = answers.pop(0) if len(answers) > 1 else answers[0]
            self.send_response(200 if status > 1000 else status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if status > 1000 else body)
            if status == 1002:
                self.wfile.flush()
                time.sleep(3)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield answers, f"http://127.0.0.1:{running.server_port}/download"
        running.shutdown()


def test_the_network_is_the_second_choice(project, monkeypatch, server, cardiac, stage):
    accept_any(monkeypatch)
    answers, url = server
    answers += [(500, b"busy"), (200, pack(cardiac, project / "made.zip", "").read_bytes())]
    from_server(monkeypatch, url)
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # between two tries
    assert stage("download", "--study", "small", "--dataset", "acdc") is None
    record = json.loads(paths.source("small", "acdc").read_text())
    assert (record["origin"], record["volumes"]) == (url, 10)
    answers[:] = [(404, b"")]  # what has been fetched serves the next study
    monkeypatch.setenv("CEDICE_WITHOUT_GPU", "1")
    assert stage("download", "--study", "paper", "--dataset", "acdc") is None


@pytest.mark.parametrize("status", [404, 500])
def test_without_network_the_line_says_which_file_to_put_where(project, monkeypatch, server, stage, status):
    answers, url = server
    answers.append((status, b"no"))
    from_server(monkeypatch, url)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    line = stage("download", "--study", "small", "--dataset", "acdc")
    assert "put the official archive as acdc.zip" in line
    assert "set CEDICE_ARCHIVES" in line
    assert not list(archives.DOWNLOADS.glob("*.zip"))


@pytest.mark.parametrize("status", [1001, 1002])
def test_a_download_that_breaks_off_or_stalls_is_one_line_and_not_kept(project, monkeypatch, server, cardiac, stage, status):
    answers, url = server
    answers.append((status, pack(cardiac, project / "made.zip", "").read_bytes()))
    from_server(monkeypatch, url)
    monkeypatch.setattr(archives, "TIMEOUT", 0.3)
    monkeypatch.setattr(archives, "TRIES", 1)
    line = stage("download", "--study", "small", "--dataset", "acdc")
    assert "the network did not give it" in line
    assert not list(archives.DOWNLOADS.glob("*"))


def test_another_archive_than_the_published_one_replaces_nothing(project, monkeypatch, server, cardiac, stage):
    answers, url = server
    answers.append((200, pack(cardiac, project / "made.zip", "").read_bytes()))
    from_server(monkeypatch, url)
    there = paths.raw("small", "acdc") / "kept"
    there.parent.mkdir(parents=True)
    there.write_text("what an earlier run obtained")
    assert "is not the published one" in stage("download", "--study", "small", "--dataset", "acdc")
    assert there.read_text() == "what an earlier run obtained"
    assert not list(archives.DOWNLOADS.glob("*"))


def test_a_page_instead_of_an_archive_is_not_kept(project, monkeypatch, server, stage):
    answers, url = server
    answers.append((200, b"<!DOCTYPE html><title>Sign in</title>"))
    from_server(monkeypatch, url)
    assert "not a whole, readable zip" in stage("download", "--study", "small", "--dataset", "acdc")
    assert not list(archives.DOWNLOADS.glob("*.zip"))


def test_phantoms_are_the_same_bytes_every_time(tmp_path):
    for dataset in ("acdc", "covid19"):
        first, again, other = (
            generate.obtain(dataset, 2, seed, tmp_path / f"{dataset}{n}") for n, seed in enumerate((0, 0, 1))
        )
        assert first == again
        assert first["sha256"] != other["sha256"]


def test_a_new_patient_leaves_the_others_as_they_were(tmp_path):
    generate.obtain("acdc", 2, 0, tmp_path / "two")
    generate.obtain("acdc", 3, 0, tmp_path / "three")
    for path in (tmp_path / "two").rglob("*.nii.gz"):
        assert path.read_bytes() == (tmp_path / "three" / path.relative_to(tmp_path / "two")).read_bytes()


def test_a_failed_download_keeps_what_was_there(project, monkeypatch, cardiac):
    accept_any(monkeypatch)
    monkeypatch.setenv("CEDICE_ARCHIVES", str(project / "given"))
    pack(cardiac, project / "given/acdc.zip", "")
    archives.obtain(Acdc(), project / "raw")
    (project / "given/acdc.zip").write_bytes(b"broken")
    with pytest.raises(CediceError):
        archives.obtain(Acdc(), project / "raw")
    assert len(Acdc().cases(project / "raw")) == 10
