"""The README shows committed results, not remembered ones."""

from conftest import ROOT

START, END = "<!-- from reports/small/table1.md -->", "<!-- end -->"


def test_its_table_is_the_committed_one():
    shown = (ROOT / "README.md").read_text(encoding="utf-8").split(START)[1].split(END)[0]
    committed = (ROOT / "reports/small/table1.md").read_text(encoding="utf-8").splitlines()
    rows = [line for line in shown.splitlines() if line.startswith("|")]
    assert len(rows) >= 8
    assert not [row for row in rows if row not in committed]


def test_the_commands_it_names_exist():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in ("demo", "test", "small", "paper", "gate", "lint"):
        assert f"make {target}" in text
        assert f"\n{target}" in targets or f" {target}:" in targets
