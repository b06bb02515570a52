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
ANSWERED = (("small", "covid19"), ("small", "acdc"), ("outlook", "hippocampus"))  # in the abstract
BLANK = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """All that the article reads, and no more."""
    root = tmp_path_factory.mktemp("article")
    shutil.copytree(ROOT / SOURCE.parent, root / SOURCE.parent)
    shutil.copy(ROOT / "CITATION.cff", root)
    for file in [
        *ROOT.glob("reports/*/record/*/*.[jy]*"),
        *ROOT.glob("reports/outlook/experiments/*/*/runs.json"),
        *ROOT.glob("reports/*/tables/*.csv"),
        *ROOT.glob("reports/across/*.csv"),
        *ROOT.glob("reports/causes/*.csv"),
    ]:
        target = root / file.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)
    return root


@pytest.fixture(scope="module")
def shown(whole):
    return text(whole)


def text(root: Path) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(article, "_svg", lambda figure: figure)
        made = article.pdf(root / SOURCE, root, {"curves": BLANK, "rule": BLANK})
    return " ".join(" ".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(made)).pages).split())


def test_it_has_at_most_eight_pages_and_the_committed_text(shown):
    committed = pypdf.PdfReader(ROOT / "reports/article/article.pdf").pages
    assert 3 < len(committed) <= 8
    words = set(" ".join(page.extract_text() for page in committed).split())
    assert not {word for word in shown.split() if re.search(r"\d\.\d\d", word)} - words


def test_its_numbers_are_those_of_the_reports(shown):
    """Levels, differences and intervals of every study, as Python prints them."""
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


def test_numbers_in_its_sentences_are_those_of_the_reports(shown):
    """As Python prints them; spaces and hyphens are left to the lines."""

    def row(name: str, **where: object) -> pd.Series:
        table = pd.read_csv(ROOT / f"reports/{name}.csv")
        return table[(table[list(where)] == pd.Series(where)).all(axis=1)].squeeze(axis=0)

    answers = {key: row("across/answers", study=key[0], dataset=key[1]) for key in ANSWERED}
    said = [f"from {of.ce:.3f} to {of.ce_dl:.3f} on" for key, of in answers.items() if key[0] == "small"]
    said += [f"({of['mean']:+.3f}, 95 % interval {of.low:+.3f} to {of.high:+.3f})" for of in answers.values()]
    chest, heart = (row("across/across", study="small", dataset=name) for name in ("covid19", "acdc"))
    said += [
        f"gives CE alone {chest.threshold_gain:+.3f}, and on",
        f"CE rises from {chest.ce_half:.3f} at 0.5 to {chest.ce_own:.3f}",
    ]
    said += [f"{chest.own:+.3f} is left ({chest.own_low:+.3f} to {chest.own_high:+.3f})"]
    said += [f"here the difference is {chest.mixed:+.3f} ({chest.mixed_low:+.3f} to {chest.mixed_high:+.3f})"]
    said += [f"change CE by {heart.threshold_gain:+.4f} and leave {heart.own:+.4f} of {heart.half:+.4f}"]
    for name in ("batch − sample", "batch − sample, augmented", "batch − CE", "batch − CE, augmented"):
        of = row("causes/contrasts", contrast=name, measure="half")
        said.append(f"{of['mean']:+.4f}, {of.low:+.4f} to {of.high:+.4f}")
    of = row("causes/contrasts", contrast="interaction", measure="half")
    said.append(f"is {of['mean']:+.4f}, 90 % interval {of.low_90:+.4f} to {of.high_90:+.4f})")
    for name, words in (("covid19", "on COVID-19, where it takes"), ("acdc", "on ACDC, where it takes")):
        ends = [row("small/tables/noise", dataset=name, measure="dice", readout=of) for of in ("averaged", "last")]
        said.append(f"{ends[0].detectable:.3f} {words} {ends[1].detectable:.3f}")
        of = row("small/tables/difference", readout="averaged", dataset=name, epoch=100)
        said.append(f"is {of['mean']:+.3f} ({of.low:+.3f} to {of.high:+.3f}")
    for measure in ("false_positives", "volume_1", "volume_2", "mce"):
        of = row("outlook/tables/beyond", readout="averaged", dataset="hippocampus", measure=measure)
        said.append(f"{of.ce:.3f} → {of.ce_dl:.3f}")
    for loss in ("ce", "ce_dl"):
        where = {"dataset": "covid19", "loss": loss, "convention": "foreground", "metric": "dice"}
        ends = [row("small/tables/table1", readout=of, **where)["mean"] for of in ("averaged", "last")]
        said.append("{:.3f} instead of {:.3f} with".format(*ends))
    bare = re.sub(r"[\s-]", "", shown)
    assert not [each for each in said if re.sub(r"\s", "", each.replace("-", "−")).replace("COVID−", "COVID") not in bare]


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
def test_a_changed_number_changes_the_text(whole, shown, file, column, where):
    path = whole / file
    before = path.read_bytes()
    table = pd.read_csv(path)
    rows = (table[list(where)] == pd.Series(where)).all(axis=1)
    assert rows.sum() >= 1
    table.loc[rows, column] += 0.4321
    table.to_csv(path, index=False)
    try:
        assert text(whole) != shown
    finally:
        path.write_bytes(before)


def test_a_sentence_that_no_longer_holds_ends_the_build_in_one_line(whole):
    path = whole / "reports/small/tables/verdict.csv"
    before = path.read_text()
    path.write_text(before.replace(",confirmed", ",not confirmed"))
    try:
        with pytest.raises(CediceError, match=r"article\.typ: .*a sentence says does not hold any more") as caught:
            text(whole)
    finally:
        path.write_text(before)
    assert "\n" not in str(caught.value)


def test_no_result_is_typed():
    """Decimals in the text's source are lengths of the layout, names of columns, rules fixed before, and the threshold 0.5."""
    prose = re.sub(r'//.*|#holds.*|"[^"]*"|\d*\.?\d+(em|pt|cm|fr)\b', "", (ROOT / SOURCE).read_text(encoding="utf-8"))
    assert set(re.findall(r"\d+\.\d+", prose)) <= {"0.5"}
