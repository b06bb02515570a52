"""dvc.lock while DVC works on one study: that study's stages alone, and at the end all of them."""

import pytest
import yaml
from conftest import ROOT

from cedice.pipeline import lock

HEAD = "schema: '2.0'\nstages:\n"
ENTRIES = {
    "claims": "  claims:\n    cmd: python claims.py\n",
    "page@demo": "  page@demo:\n    cmd: python page.py demo\n",
    "page@small": "  page@small:\n    cmd: python page.py small\n    deps:\n    - path: a\n      md5: 12\n",
    "train@demo-acdc-ce-0": "  train@demo-acdc-ce-0:\n    cmd: python train.py demo\n",
    "train@small-demo-ce-0": "  train@small-demo-ce-0:\n    cmd: python train.py small\n",  # one's own data set may be named so
}
TEXT = HEAD + "".join(ENTRIES.values())


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "dvc.lock"
    path.write_text(TEXT)
    return path


def test_within_it_has_the_study_alone_and_afterwards_all(file):
    with lock.alone("demo", file.parent):
        assert list(yaml.safe_load(file.read_text())["stages"]) == ["claims", "page@demo", "train@demo-acdc-ce-0"]
    assert file.read_text() == TEXT
    assert [path.name for path in file.parent.rglob("*") if path.is_file()] == ["dvc.lock"]


def test_what_dvc_wrote_meanwhile_stays_in_its_place(file):
    trained = "  train@demo-covid19-ce-0:\n    cmd: python train.py covid19\n"
    with lock.alone("demo", file.parent):
        file.write_text(file.read_text().replace("page.py demo", "page.py demo again") + trained)
    assert file.read_text() == TEXT.replace("page.py demo", "page.py demo again") + trained


def test_an_error_puts_it_back(file):
    with pytest.raises(KeyboardInterrupt), lock.alone("demo", file.parent):
        raise KeyboardInterrupt
    assert file.read_text() == TEXT


def test_a_killed_one_is_mended_by_the_next(file):
    killed = lock.alone("demo", file.parent)
    killed.__enter__()
    trained = "  train@demo-covid19-ce-0:\n    cmd: python train.py covid19\n"
    file.write_text(file.read_text() + trained)
    with lock.alone("small", file.parent):
        assert list(yaml.safe_load(file.read_text())["stages"]) == ["claims", "page@small", "train@small-demo-ce-0"]
    assert file.read_text() == TEXT + trained


def test_two_at_once_lose_nothing(file):
    first, second = lock.alone("demo", file.parent), lock.alone("small", file.parent)
    first.__enter__()
    second.__enter__()
    for one in (first, second):
        one.__exit__(None, None, None)
        assert file.read_text() == TEXT


def test_without_a_lock_there_is_nothing_to_set_aside(tmp_path):
    with lock.alone("demo", tmp_path):
        assert not (tmp_path / "dvc.lock").exists()
        (tmp_path / "dvc.lock").write_text(TEXT)
    assert (tmp_path / "dvc.lock").read_text() == TEXT


def test_the_committed_lock_is_taken_apart_rightly_and_comes_back_to_the_byte(tmp_path):
    text = (ROOT / "dvc.lock").read_text(encoding="utf-8")
    file = tmp_path / "dvc.lock"
    file.write_text(text, encoding="utf-8")
    stages = yaml.safe_load(text)["stages"]
    with lock.alone("small", tmp_path):
        here = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert here["stages"] == {name: stage for name, stage in stages.items() if name.partition("@")[2][:5] in ("", "small")}
    assert file.read_text(encoding="utf-8") == text
