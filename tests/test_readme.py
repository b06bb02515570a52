"""The README shows committed results, not remembered ones."""

import re

import pytest
from conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"<!-- from (\S+) -->\n(.*?)<!-- end -->", README, flags=re.DOTALL)


def test_it_shows_the_verdict_table_1_and_the_collapse():
    shown = [path for path, _ in BLOCKS]
    assert shown == ["reports/small/verdict.md", "reports/small/table1.md", *["reports/small/experiments.md"] * 3]


@pytest.mark.parametrize(("path", "text"), BLOCKS, ids=[path for path, _ in BLOCKS])
def test_its_tables_are_the_committed_ones(path, text):
    committed = (ROOT / path).read_text(encoding="utf-8").splitlines()
    rows = [line for line in text.splitlines() if line.startswith(("|", "**"))]
    assert len(rows) >= 4
    assert not [row for row in rows if row not in committed]


def test_the_commands_it_names_exist():
    targets = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in ("demo", "test", "small", "paper", "own", "gate", "lint"):
        assert f"make {target}" in README
        assert re.search(rf"^[\w ]*\b{target}\b[\w ]*:", targets, flags=re.MULTILINE)


def test_the_files_it_links_to_are_there():
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert links
    assert not [link for link in links if not (ROOT / link).exists()]
