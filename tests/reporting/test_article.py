"""The article says what the reports say: its text is that of their numbers as Python prints them, a changed number changes it,
and none is typed."""

import io
import re
import shutil
from pathlib import Path

import pandas as pd
import pypdf
import pytest
from conftest import ROOT

from cedice.errors import CediceError
from cedice.reporting import article

SOURCE = Path("docs/article/article.typ")
BLANK = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'


@pytest.fixture
def copy(tmp_path):
    """What the article reads, to be changed."""
    shutil.copytree(ROOT / SOURCE.parent, tmp_path / SOURCE.parent)
    shutil.copy(ROOT / "CITATION.cff", tmp_path)
    for file in [
        *ROOT.glob("reports/*/record/*/*.[jy]*"),
        *ROOT.glob("reports/outlook/experiments/*/*/runs.json"),
        *ROOT.glob("reports/*/tables/*.csv"),
        *ROOT.glob("reports/across/*.csv"),
        *ROOT.glob("reports/causes/*.csv"),
    ]:
        target = tmp_path / file.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)
    return tmp_path


@pytest.fixture(autouse=True)
def without_figures(monkeypatch):
    monkeypatch.setattr(article, "_svg", lambda figure: figure)


def text(root: Path) -> str:
    pages = pypdf.PdfReader(io.BytesIO(article.pdf(root / SOURCE, root, {"curves": BLANK, "rule": BLANK}))).pages
    return " ".join(" ".join(page.extract_text() for page in pages).split())


def test_it_has_at_most_eight_pages_and_the_committed_text(copy):
    committed = pypdf.PdfReader(ROOT / "reports/article/article.pdf").pages
    assert 3 < len(committed) <= 8
    words = set(" ".join(page.extract_text() for page in committed).split())
    assert not {word for word in text(copy).split() if re.search(r"\d\.\d\d", word)} - words


def test_its_numbers_are_those_of_the_reports(copy):
    """Levels, differences and intervals of every study, as Python prints them."""
    shown = text(copy)
    for row in pd.read_csv(ROOT / "reports/across/answers.csv").itertuples():
        levels = f"{row.ce:.4f} → {row.ce_dl:.4f}"
        difference = f"{row.mean:+.4f} {row.low:+.4f} to {row.high:+.4f} {row.p_all:.4f} {row.verdict}".replace("-", "−")
        assert f"{levels} {difference}".replace(" ", "") in shown.replace(" ", ""), (row.study, row.dataset)
    verdict = pd.read_csv(ROOT / "reports/small/tables/verdict.csv").query("readout == 'averaged'")
    for row in verdict[verdict["measure"] != "pixel_error"].itertuples():
        said = f"{row.ce:.3f}→{row.ce_dl:.3f}{row.mean:+.3f}{row.low:+.3f}to{row.high:+.3f}{row.p:.4f}".replace("-", "−")
        assert said in shown.replace(" ", ""), (row.dataset, row.measure)
    table = pd.read_csv(ROOT / "reports/small/tables/table1.csv").query("paper == paper and metric != 'pixel_error'")
    for row in table.itertuples():
        assert f"{row.paper:.4f}" in shown and f"{row.mean:.3f} ± {row.std:.3f}" in shown
    causes = pd.read_csv(ROOT / "reports/causes/levels.csv").query(
        "patients != patients and (augmented == False or term != 'ce')"
    )
    assert len(causes) == 5
    for row in causes.itertuples():
        assert f"{row.half:.4f}" in shown


@pytest.mark.parametrize(
    ("file", "column", "where"),
    [
        ("reports/across/answers.csv", "ce", {"study": "transformer", "dataset": "hippocampus"}),
        ("reports/across/across.csv", "mixed_high", {"study": "small", "dataset": "covid19"}),
        ("reports/small/tables/verdict.csv", "high", {"readout": "averaged", "dataset": "acdc", "measure": "border"}),
        ("reports/small/tables/noise.csv", "sd_epoch", {"readout": "last", "dataset": "covid19", "measure": "dice"}),
        ("reports/causes/levels.csv", "missed", {"term": "batch", "augmented": False}),
        ("reports/causes/contrasts.csv", "low_90", {"contrast": "interaction", "measure": "half"}),
    ],
)
def test_a_changed_number_changes_the_text(copy, file, column, where):
    before, path = text(copy), copy / file
    table = pd.read_csv(path)
    rows = (table[list(where)] == pd.Series(where)).all(axis=1)
    assert rows.sum() >= 1
    table.loc[rows, column] += 0.4321
    table.to_csv(path, index=False)
    assert text(copy) != before


def test_a_sentence_that_no_longer_holds_ends_the_build_in_one_line(copy):
    path = copy / "reports/small/tables/verdict.csv"
    path.write_text(path.read_text().replace(",confirmed", ",not confirmed"))
    with pytest.raises(CediceError, match=r"article\.typ: .*a sentence says does not hold any more") as caught:
        text(copy)
    assert "\n" not in str(caught.value)


def test_no_result_is_typed():
    """Decimals in the text's source are lengths of the layout, names of columns, and the threshold 0.5."""
    prose = re.sub(r'//.*|"[^"]*"|\d*\.?\d+(em|pt|cm|fr)\b', "", (ROOT / SOURCE).read_text(encoding="utf-8"))
    assert set(re.findall(r"\d+\.\d+", prose)) <= {"0.5"}
