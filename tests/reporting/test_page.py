"""The page: one file that asks for nothing, says what the reports say, and can be used by mouse, keyboard and reader."""

import itertools
import re
import shutil
from html.parser import HTMLParser

import browser
import pandas as pd
import pytest
from conftest import ROOT

from cedice.evaluation import runs

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PAGES = {page.parent.name: page for page in sorted(ROOT.glob("reports/*/index.html"))}  # the demo's once it is made
needs_chromium = pytest.mark.skipif(not CHROMIUM, reason="needs Chromium (Debian: apt-get install chromium)")


class Outline(HTMLParser):
    """Elements with their attributes, in order, and the text."""

    def __init__(self, page: str):
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize("study", PAGES)
def test_it_says_what_the_reports_say_and_asks_for_nothing(study):
    page = PAGES[study].read_text(encoding="utf-8")
    outline = Outline(page)
    for name in (*(f"tables/{name}.md" for name in ("verdict", "table1", "breakdown", "conventions")), "experiments.md"):
        for line in (ROOT / "reports" / study / name).read_text(encoding="utf-8").splitlines():
            for cell in re.findall(r"(?<=\| )[-+]?\d\.\d{4}[^|]*(?= \|)", line):
                assert cell in outline.text.replace("\xa0", " "), (name, cell)
    for tag, attributes in outline.elements:
        for attribute in ("src", "href", "srcset", "action", "data", "poster"):
            assert (attributes.get(attribute) or "#").startswith(("#", "data:")), (tag, attributes)
    assert not re.search(r"@import|url\((?!data:)", page)
    assert len(page) < 1.25e6, "Git keeps every version of it"


@pytest.mark.parametrize("study", PAGES)
def test_it_can_be_read_by_those_who_do_not_see_it(study):
    elements = Outline(PAGES[study].read_text(encoding="utf-8")).elements
    tags = [tag for tag, _ in elements]
    assert tags.count("h1") == tags.count("main") == 1
    assert dict(elements[tags.index("html")][1])["lang"] == "en"
    levels = [int(tag[1]) for tag in tags if re.fullmatch(r"h\d", tag)]
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels)), "no heading level is left out"
    assert all(attributes.get("alt") for tag, attributes in elements if tag == "img")
    assert all(attributes.get("scope") for tag, attributes in elements if tag == "th")
    labelled = {attributes.get("for") for tag, attributes in elements if tag == "label"}
    assert all(attributes["id"] in labelled for tag, attributes in elements if tag == "input")
    names = [attributes["id"] for _, attributes in elements if "id" in attributes]
    assert len(names) == len(set(names))
    targets = {attributes["href"][1:] for tag, attributes in elements if tag == "a"}
    assert targets <= set(names)


WIDE = "[...document.querySelectorAll('.scroll')].filter(table => table.scrollWidth > table.clientWidth + 4)"


@needs_chromium
@pytest.mark.parametrize("study", ["outlook", "transformer"])
def test_no_table_is_cut_on_a_desk(tmp_path, study):
    """Pages of one study's longest words; those of `recipe`, with three data sets a table, are too wide."""

    async def use(page):
        await page.value("document.querySelectorAll('details').forEach(details => details.open = true)")
        await page.settle(0.3)
        return await page.value(f"{WIDE}.length")

    assert browser.visit(CHROMIUM, PAGES[study], 1280, tmp_path / "profile", use) == 0


@needs_chromium
@pytest.mark.parametrize("width", [1280, 390])
def test_it_loads_without_a_word_and_its_controls_work(tmp_path, width):
    async def use(page):
        assert await page.value("document.querySelectorAll('.uplot canvas').length") == 14
        assert await page.value("document.documentElement.scrollWidth <= window.innerWidth"), "nothing sticks out sideways"
        await page.value("document.querySelectorAll('details').forEach(details => details.open = true)")
        await page.settle(0.3)
        assert await page.value(f"{WIDE}.every(table => table.classList.contains('cut'))"), "what is cut says so"
        assert (await page.value(f"{WIDE}.length") == 0) == (width == 1280), "no table is cut on a desk"
        # The slider moves the line between the two losses, by keyboard too.
        await page.value("document.getElementById('reveal').focus()")
        for _ in range(5):
            await page.key("ArrowRight")
        assert await page.value("document.querySelector('.stack').style.getPropertyValue('--reveal')") == "55%"
        # A chart: → to the second epoch, whose values appear; + narrows what is shown, 0 shows all again.
        await page.value("document.querySelector('[data-chart=acdc-dice]').focus()")
        await page.key("ArrowRight")
        await page.settle(0.3)
        legend = "[...document.querySelectorAll('[data-chart=acdc-dice] .u-value')].map(cell => cell.textContent)"
        shown = await page.value(legend)
        ticks = "document.querySelector('[data-chart=acdc-dice] canvas').toDataURL()"
        whole = await page.value(ticks)
        marks = "[...document.querySelectorAll('[data-chart=acdc-dice] .u-marker')]"
        styles = await page.value(f"{marks}.map(mark => getComputedStyle(mark).borderTopStyle)")
        assert styles[1:] == ["solid", "dashed"] * 2, "the legend shows which line is dashed"
        await page.key("+")
        await page.settle(0.3)
        near = await page.value(ticks)
        await page.key("0")
        await page.settle(0.3)
        assert near != whole
        await page.settle(0.2)
        assert not page.told
        assert all(request.startswith(("file:", "data:")) for request in page.requests), page.requests
        return shown

    shown = browser.visit(CHROMIUM, PAGES["small"], width, tmp_path / "profile", use)
    last = runs.load(ROOT / "reports/small/record", ["acdc"])["last"]
    losses = [
        pd.concat([run.history.iloc[1] for key, run in last.items() if key[1] == loss], axis=1) for loss in ("ce", "ce_dl")
    ]
    values = [loss.loc[f"dice_{convention}"].mean() for loss in losses for convention in ("with_background", "foreground")]
    assert shown == ["2", *(f"{value:.4f}" for value in values)]
