"""A study's results as one self-contained page, `reports/<study>/index.html`: nothing is loaded from anywhere.

The page is made of the study's other reports alone (Markdown, histories, counts, figures), so that it can be made again, byte
for byte, from what Git holds. Of a report the sections that are not named as open are folded. Charts are drawn by uPlot, which
lies in `assets/`."""

import base64
import io
import itertools
import json
import re
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import jinja2
from markdown_it import MarkdownIt
from markupsafe import Markup
from PIL import Image

from cedice import paths
from cedice.evaluation.runs import Runs, decisive
from cedice.paper import NAMING_TITLES, READOUT_TITLES, TABLE_1, titles
from cedice.reporting import charts
from cedice.reporting.markdown import SYNTHETIC
from cedice.reporting.noise import BUDGET, SCHEDULES

_RESOURCES = {"style": "page.css", "script": "page.js", "library": "uPlot.iife.min.js", "library_style": "uPlot.min.css"}

_REPRODUCE = """
Everything here was made by these commands, in a clone of the project at the revision of the last table above:

```
{everything}
dvc repro table@{study}      # the numbers
dvc repro plot@{study}       # the figures and this page
cedice verify               # do they all follow from the record?
```
"""


def render(study: str, by_readout: dict[str, Runs], alpha: float, synthetic: bool) -> str:
    """The page of the study whose reports lie under `reports/<study>/`; ``alpha`` is that of CE + DL."""
    folder, tables = paths.reports(study), paths.tables(study)
    runs = by_readout[decisive(by_readout)]
    papers = any(dataset in TABLE_1 for dataset, _, _ in runs)
    averages = "Which average the paper took" if papers else "Under every average"
    tried = _markdown(folder / "experiments.md", opened=("The effect of α", f"The effect of α, {READOUT_TITLES['averaged']}"))
    sections = [
        _section(
            "verdict", "The verdict", _figure(paths.figures(study) / "forest.png", _FOREST) + _markdown(tables / "verdict.md")
        ),
        _section("table", "Table 1, beside the paper's" if papers else "Table 1", _markdown(tables / "table1.md")),
        _section("curves", "Over the epochs", charts=charts.curves(by_readout)),
        _section("difference", "Quality or speed?", _markdown(tables / "difference.md", opened=("How to read this",))),
        _section("noise", "Where the noise comes from", _markdown(tables / "noise.md", opened=(SCHEDULES, BUDGET))),
        _section("predictions", "Predictions, without and with the Dice term", compared=_compared(study, alpha)),
        *_mixtures(study, list(dict.fromkeys(dataset for dataset, _, _ in runs))),
        _section("patients", "Patient by patient", _PATIENTS, charts=charts.by_patient(runs)),
        _section("breakdown", "Where the losses differ", _markdown(tables / "breakdown.md", opened=("Borders",))),
        *([_section("experiments", "The effect of α, and what else was tried", tried)] if "<h3>" in tried else []),
        _section("conventions", averages, _markdown(tables / "conventions.md")),
        _section("network", "The network", _figure(paths.figure1(study), "Figure 1: the network, channels in each block")),
        _section("reproduce", "How to get these numbers", _MARKDOWN.render(_reproduce(study))),
    ]
    drawn = {chart["id"]: chart["drawn"] for section in sections for chart in section["charts"]}
    # "</" would end the script element in which the numbers stand.
    numbers = json.dumps(drawn, allow_nan=False, separators=(",", ":")).replace("</", "<\\/")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    return environment.from_string(_resource("page.html")).render(
        title=f"Does a Dice loss help? Study {study}",
        synthetic=synthetic,
        sections=sections,
        charts_json=Markup(numbers),
        **{name: Markup(_resource(file)) for name, file in _RESOURCES.items()},
    )


def _section(name: str, title: str, body: str = "", charts: Sequence[dict] = (), compared: dict | None = None) -> dict:
    return {"id": name, "title": title, "body": Markup(body), "charts": charts, "compared": compared}


_FOREST = "CE + DL minus CE for each of the paper's statements; the numbers stand in the table below"
_PATIENTS = """<p>Foreground Dice of each patient (slice, where patients are unknown), CE + DL minus CE, a point a seed, ordered
by the mean over the seeds: above zero the Dice term helped.</p>"""


def _reproduce(study: str) -> str:
    needed = "" if study in ("demo", "own") else "CEDICE_ARCHIVES=/path/to/archives "
    return _REPRODUCE.format(everything=f"{needed}make {study}", study=study)


def _mixtures(study: str, datasets: list[str]) -> list[dict]:
    """A section where there are any."""
    figures = []
    for (dataset, name), (naming, title) in itertools.product(titles(datasets).items(), NAMING_TITLES.items()):
        file = paths.mixture(study, dataset, naming) / "samples.jpg"
        figures += [_figure(file, f"{name}: Gaussian mixture, components {title}")] if file.is_file() else []
    return [_section("mixtures", "Without a network: Gaussian mixtures", "".join(figures))] if figures else []


def _compared(study: str, alpha: float) -> dict[str, str]:
    over, under = (_picture(paths.samples(study) / f"figure{number}.jpg") for number in (2, 3))
    return {
        "over": over,
        "under": under,
        "left": "without the Dice term (α = 0)",
        "right": f"with it (α = {alpha:g})",
        "caption": "Up to five validation slices of each data set, at evenly spaced ranks of foreground size; move the line "
        "with the slider, or with ← and → once it has the focus. Figures 2 and 3 of the study.",
    }


def _markdown(report: Path, opened: Sequence[str] = ()) -> str:
    """A report without its title, its headings one level down, its pictures within, its sections folded but for those
    ``opened``."""
    _, _, text = report.read_text(encoding="utf-8").partition("\n")
    text = text.replace("\n".join(SYNTHETIC), "")  # the page says it on top
    text = re.sub(r"!\[(.*?)\]\(([\w./]+\.png)\)", lambda link: _figure(report.parent / link[2], link[1]), text)
    first, *sections = re.split(r"^## ", text, flags=re.MULTILINE)
    parts = [_MARKDOWN.render(first)]
    for section in sections:
        heading, _, body = section.partition("\n")
        top = f"<h3>{_MARKDOWN.renderInline(heading)}</h3>"
        body = _MARKDOWN.render(body)
        parts.append(f"{top}{body}" if heading in opened else f"<details><summary>{top}</summary>{body}</details>\n")
    # Numbers and their spread stay on one line.
    return "".join(parts).replace(" ± ", "\xa0±\xa0").replace(" … ", "\xa0…\xa0").replace(" → ", "\xa0→\xa0")


def _figure(file: Path, words: str) -> str:
    frame = f'<figure class="scroll" tabindex="0" role="region" aria-label="{words}">'
    return f'{frame}<img class="whole" src="{_picture(file)}" alt="{words}"></figure>\n'


def _library() -> MarkdownIt:
    library = MarkdownIt("commonmark").enable("table")
    opening = '<div class="scroll" tabindex="0" role="region" aria-label="table"><table>'
    library.add_render_rule("table_open", lambda *_: opening)
    library.add_render_rule("table_close", lambda *_: "</table></div>")
    library.add_render_rule("td_open", lambda _, tokens, place, *__: _cell(tokens[place + 1].content))
    library.add_render_rule("th_open", lambda *_: '<th scope="col">')
    return library


def _cell(text: str) -> str:
    """A number or a name stays on one line."""
    return '<td class="short">' if len(text) <= 18 else "<td>"


_MARKDOWN = _library()


def _resource(name: str) -> str:
    return (files("cedice.reporting") / "assets" / name).read_text(encoding="utf-8")


def _picture(path: Path) -> str:
    """As WebP, drawings without loss, which makes a page half as large: up to 1.2 MB, since Git keeps every version of it."""
    packed = io.BytesIO()
    packing = {"quality": 70} if path.suffix == ".jpg" else {"lossless": True, "method": 6}
    with Image.open(path) as picture:
        picture.convert("RGB").save(packed, "WEBP", **packing)
    return "data:image/webp;base64," + base64.b64encode(packed.getvalue()).decode()
