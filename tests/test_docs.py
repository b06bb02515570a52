"""README and docs: their tables are the committed reports', their links lead somewhere, and the commands they name exist.

`python tests/test_docs.py` writes the tables anew, from the reports as they are.
"""

import itertools
import json
import re
import shlex
from pathlib import Path

import pandas as pd
import pytest
import yaml
from conftest import ROOT
from dvc.cli.parser import get_main_parser

from cedice import cli
from cedice.analysis.statistics import paired
from cedice.described import Files
from cedice.evaluation.runs import decisive
from cedice.paper import titles

README_LIMIT = 9_000  # bytes: one screen, and what has to stand beside it
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"(<!-- from (\S+): ([^>]+?) -->\n)(.*?)(<!-- end -->)", re.DOTALL)
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
DVC = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))
SMALL = ROOT / "reports/small"


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


# Tables: <!-- from FILE: words --> is the report's bold sentences, <!-- from FILE: table 2 without COLUMN, COLUMN --> its
# second table. Each ends with <!-- end -->.


def wanted(source: str, what: str) -> str:
    """What stands in a block, made from the report."""
    report = (ROOT / source).read_text(encoding="utf-8")
    if what == "words":
        return "\n\n".join(" ".join(part.split("\n")) for part in report.split("\n\n") if part.startswith("**")) + "\n"
    number, _, left_out = what.removeprefix("table ").partition(" without ")
    table = re.findall(r"(?:^\|.*\n)+", report, flags=re.MULTILINE)[int(number) - 1]
    if not left_out:
        return table
    rows = [line.strip("| \n").split(" | ") for line in table.splitlines()]
    kept = [place for place, head in enumerate(rows[0]) if head not in left_out.split(", ")]
    return "".join("| " + " | ".join(row[place] for place in kept) + " |\n" for row in rows)


def rewritten(text: str) -> str:
    return BLOCK.sub(lambda block: block[1] + wanted(block[2], block[3]) + block[5], text)


BLOCKS = [(name_of(page), *block.group(2, 3, 4)) for page in PAGES for block in BLOCK.finditer(text_of(page))]


@pytest.mark.parametrize(("page", "source", "what", "shown"), BLOCKS, ids=lambda value: str(value)[:40])
def test_tables_are_those_of_the_reports(page, source, what, shown):
    assert shown == wanted(source, what), f"{page}: run `python tests/test_docs.py`, then read the sentences around it"


def test_the_results_show_verdict_table_1_alpha_leakage_and_batch_norm():
    shown = [(source, what.split(" without ")[0]) for page, source, what, _ in BLOCKS if page == "docs/results.md"]
    experiments = "reports/small/experiments.md"
    for block in (
        ("reports/small/verdict.md", "words"),
        ("reports/small/verdict.md", "table 1"),
        ("reports/small/table1.md", "table 1"),
        *((experiments, f"table {number}") for number in (1, 2, 3)),
    ):
        assert block in shown


def test_numbers_in_sentences_are_those_of_the_reports():
    """Sentences repeat numbers; these are made here as they are written there."""
    readme, results, predict = (
        " ".join(text_of(ROOT / name).split()) for name in ("README.md", "docs/results.md", "docs/predict.md")
    )
    verdict = pd.read_csv(SMALL / "verdict.csv")
    verdict = verdict[verdict["readout"] == decisive(verdict["readout"])].set_index(["dataset", "measure"])
    confirmed = verdict.index[verdict["verdict"] == "confirmed"].to_list()
    assert len(confirmed) == 9 and verdict.loc[("acdc", "pixel_error"), "verdict"] == "confirmed, but too small to matter"
    assert "all ten statements are confirmed" in readme
    for dataset in ("covid19", "acdc"):
        row = verdict.loc[dataset, "dice"]
        low, high = (f"{row[end]:+.3f}".replace("-", "−") for end in ("low", "high"))
        assert f"by {row['mean']:.3f} ({low} to {high})" in readme
    table = pd.read_csv(SMALL / "table1.csv").set_index(["readout", "dataset", "loss", "convention", "metric"])

    def dice(readout: str, dataset: str, loss: str, convention: str) -> str:
        row = table.loc[readout, dataset, loss, convention, "dice"]
        return f"{row['mean']:.3f} ± {row['std']:.3f}"

    averaged = {key: dice("averaged", *key, "foreground") for key in itertools.product(("acdc", "covid19"), ("ce", "ce_dl"))}
    assert f"ACDC {averaged['acdc', 'ce']} with CE, {averaged['acdc', 'ce_dl']} with CE + DL" in readme
    assert f"COVID-19 {averaged['covid19', 'ce']} and {averaged['covid19', 'ce_dl']}" in readme
    for loss, words in (("ce_dl", "with CE + DL"), ("ce", "with CE")):
        last = dice("last", "covid19", loss, "foreground")
        assert f"{averaged['covid19', loss]} against {last} {words}" in results
    for name in ("acdc", "covid19"):
        assert re.search(rf"`{name}` \|[^\n]*?foreground Dice {re.escape(averaged[name, 'ce_dl'])}", predict)
    minutes = sum(json.loads(path.read_text())["wall_seconds"] for path in SMALL.glob("runs/*/*.json")) / 60
    assert f"{minutes:.0f} minutes of training" in text_of(ROOT / "docs/reproduce.md")


SIDE_BY_SIDE = [
    (study, dataset)
    for study in ("small", "paper", "outlook", "recipe", "attention", "transformer")
    for dataset in pd.read_csv(ROOT / f"reports/{study}/verdict.csv")["dataset"].unique()
]


@pytest.mark.parametrize(("study", "dataset"), SIDE_BY_SIDE)
def test_protocols_side_by_side_are_those_of_the_reports(study, dataset):
    verdict, table = (pd.read_csv(ROOT / f"reports/{study}" / name) for name in ("verdict.csv", "table1.csv"))
    chosen = "readout == 'averaged' and dataset == @dataset and"
    dice = table.query(f"{chosen} convention == 'foreground' and metric == 'dice'").sort_values("loss")
    row = verdict.query(f"{chosen} measure == 'dice'").iloc[0]
    cells = [f"{row['seeds']} seeds", *(f"{of['mean']:.4f} ± {of['std']:.4f}" for of in dice.to_dict("records"))]
    cells += [f"{row['mean']:+.4f} ({row['low']:+.4f} … {row['high']:+.4f})", row["verdict"]]
    line = rf"(?m)^\| {titles([dataset])[dataset]} \| [^|]*`{study}`[^|]*, {re.escape(' | '.join(cells))} \|$"
    assert re.search(line, text_of(ROOT / "docs/results.md"))


@pytest.mark.parametrize(
    ("dataset", "threshold", "shown"),
    [
        ("covid19", 50, "0.071"),
        ("covid19", 200, "0.0082"),
        ("covid19", 400, "0.0016"),
        ("covid19", 800, "0.0010"),
        ("acdc", 50, "0.0026"),
        ("acdc", 200, "0.0054"),
        ("acdc", 400, "0.0034"),
    ],
)
def test_small_targets_against_the_threshold(dataset, threshold, shown):
    """The p before correction, for other thresholds than the verdict's."""
    tables = {}
    seeds = PARAMS["small"]["seeds"][dataset]
    for loss, seed in itertools.product(("ce", "ce_dl"), seeds):
        targets = pd.read_csv(SMALL / f"targets/{dataset}/{loss}-seed{seed}-averaged.csv")
        targets = targets[targets["pixels"] < threshold]
        tables[loss, seed] = (
            (2 * targets["hits"] / (targets["pixels"] + targets["predicted"])).groupby(targets["patient"]).mean()
        )
    gains = pd.DataFrame([tables["ce_dl", seed] - tables["ce", seed] for seed in seeds]).dropna(axis=1).to_numpy()
    assert f"{paired(gains, margin=0.02).p:.{len(shown) - 2}f}" == shown
    assert gains.mean() > 0
    assert shown in text_of(ROOT / "docs/results.md")


def test_the_readme_is_one_screen():
    readme = ROOT / "README.md"
    assert len(readme.read_bytes()) <= README_LIMIT
    first = text_of(readme).split("\n## ")[0]
    for part in ("![", "make demo", "make test", "git clone", "pip install .", "The answer so far"):
        assert part in first


def test_every_page_is_in_the_index():
    index = text_of(ROOT / "docs/README.md")
    assert not [page.name for page in PAGES[2:] if page.name != "README.md" and f"({page.name})" not in index]


LINKS = [(page, link) for page in PAGES for link in re.findall(r"\]\(([^)\s]+)\)", FENCED.sub("", text_of(page)))]


@pytest.mark.parametrize(("page", "link"), LINKS, ids=[f"{page.name}:{link}" for page, link in LINKS])
def test_links_lead_to_files_and_headings(page, link):
    if "://" in link:
        return
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    assert target.exists()
    if anchor:
        assert anchor in [_anchor(heading) for heading in re.findall(r"^#+ (.+)$", text_of(target), flags=re.MULTILINE)]


def _anchor(heading: str) -> str:
    """As GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


# Commands: every line of a block without a language, every piece of inline code.


def commands() -> list[tuple[str, str]]:
    found = []
    for page in PAGES:
        text = text_of(page)
        lines = [line for language, block in FENCED.findall(text) if not language for line in block.splitlines()]
        lines += [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", FENCED.sub("", text))]
        for line in lines:
            bare = re.sub(r"^(?:[A-Z_]+=\S+ )+", "", line.split(" # ")[0].split("  #")[0].strip())
            if re.match(r"(make|dvc|cedice|pytest|bash|python|torchrun)\b", bare) and "…" not in bare:
                found.append((name_of(page), bare))
    return sorted(set(found))


COMMANDS = commands()


def of(*names: str) -> list[tuple[str, list[str]]]:
    return [(page, shlex.split(line)) for page, line in COMMANDS if line.split()[0] in names]


def named(cases: list[tuple[str, list[str]]]):
    return pytest.mark.parametrize(("page", "words"), cases, ids=[f"{page}:{' '.join(words)[:60]}" for page, words in cases])


def test_commands_are_found():
    for start in ("make demo", "make test", "make small", "make paper", "make own", "make gate", "make lint", "dvc repro"):
        assert any(line.startswith(start) for _, line in COMMANDS), start
    for start in ("cedice predict", "cedice release", "cedice export", "cedice data check", "cedice data add", "cedice verify"):
        assert any(line.startswith(start) for _, line in COMMANDS), start


@named(of("make"))
def test_make_has_the_target(page, words):
    targets = re.findall(r"^([\w ]+):(?!=)", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    known = {target for line in targets for target in line.split()}
    assert set(words[1:]) <= known


@named(of("cedice"))
def test_the_command_line_has_the_command(page, words):
    parser = cli.parser()
    if words[1:] in ([], ["--help"], ["--version"]):
        return
    if words[1] == "--print-completion":
        assert words[2] in parser.format_help()
        return
    name = 3 if words[1] == "data" else 2  # words that name the command
    if len(words) > name or words[1] == "verify":
        parser.parse_args(words[1:])
        return
    for word in words[1:]:  # the name alone, without its arguments
        choices = next(action.choices for action in parser._actions if hasattr(action, "add_parser"))
        assert word in choices
        parser = choices[word]


@named(of("dvc"))
def test_dvc_has_the_command_and_the_stage(page, words):
    if words[1:] == ["repro"]:
        return
    try:
        given = get_main_parser().parse_args(words[1:])
    except SystemExit:  # the name alone, of a command with arguments
        pytest.fail(f"{page}: dvc does not take {' '.join(words)}") if len(words) > 3 else None
        return
    run = PARAMS["run"] | {"reports": PARAMS["reports"]}
    edited = [
        yaml.safe_load(block).get("run", {}) for language, block in FENCED.findall(text_of(ROOT / page)) if language == "yaml"
    ]
    for setting in getattr(given, "set_param", None) or []:
        key, _, values = setting.partition("=")
        node = PARAMS
        for part in key.split("."):
            assert part in node, f"params.yaml has no {key}"
            node = node[part]
        if key.startswith("run.") or key == "reports":
            run |= {key.removeprefix("run."): yaml.safe_load(values)}
    for target in getattr(given, "targets", None) or []:
        if target in ("STAGE", "params.yaml"):
            continue
        if words[1] == "metrics":
            assert re.sub(r"(?<=^reports/)\w+", "${item.study}", target) in outputs()
            continue
        assert any(target in stages(run | edit) for edit in [{}, *edited]) or words[1] in ("commit", "pull", "push"), target
        assert target.split("@")[0] in DVC["stages"]


def stages(run: dict[str, list]) -> set[str]:
    """The names of all stages that `dvc.yaml` has with these lists of `run` and `reports`."""
    found = set()
    for name, stage in DVC["stages"].items():
        lists = [run[values.strip("${}").removeprefix("run.")] for values in stage.get("matrix", {}).values()]
        of = {f"{name}@{'-'.join(map(str, combination))}" for combination in itertools.product(*lists)} if lists else set()
        found |= {name, *of}  # the name alone is all of them
    return found


def outputs() -> set[str]:
    """The results of all stages, as `dvc.yaml` has them."""
    listed = [output for stage in DVC["stages"].values() for output in stage["outs"]]
    return {next(iter(output)) if isinstance(output, dict) else output for output in listed}


@named(of("python", "pytest", "bash", "torchrun"))
def test_the_script_is_there(page, words):
    scripts = [word for word in words if word.endswith((".py", ".ci/run")) or word.startswith("tests/")]
    assert not [script for script in scripts if not (ROOT / script).exists()]


# What the pages say of the project.


def test_own_data_explains_every_key_of_a_description():
    page = text_of(ROOT / "docs/own-data.md")
    assert not [key for key in Files.model_fields if f"`{key}`" not in page and f"{key}:" not in page]


def test_the_tree_names_every_folder_of_the_package():
    page = text_of(ROOT / "docs/develop.md")
    folders = [path.parent.relative_to(ROOT / "src/cedice").as_posix() for path in (ROOT / "src/cedice").rglob("__init__.py")]
    assert not [folder for folder in folders if folder != "." and f"  {folder.split('/')[-1]}/ " not in page]


def test_python_lines_run(monkeypatch):
    """Those of the page on predictions, one after the other, as somebody would paste them."""
    monkeypatch.chdir(ROOT)
    page = text_of(ROOT / "docs/predict.md")
    lines: dict = {}
    for language, block in FENCED.findall(page):
        if language == "python":
            exec(compile(block, "docs/predict.md", "exec"), lines)
    assert lines["labels"].shape == (1, 256, 256)
    assert lines["loss"].ndim == 0


def test_nothing_is_left_to_be_filled_in():
    assert not [f"{page.name}: {mark}" for page in PAGES for mark in re.findall(r"TODO-MEASURE\([^)]*\)?", text_of(page))]


def test_words_that_have_to_be_read_twice_are_gone():
    for page in PAGES:
        text = text_of(page).replace("\n", " ")
        for word in (
            "CE + DL less CE",
            "esponse to α",
            "says how to insist",
            "laid over",
            " arm ",
            " arms ",
            "| detectable |",
            "| more |",
        ):
            assert word not in text, f"{page.name}: {word}"


if __name__ == "__main__":
    for page in PAGES:
        if (new := rewritten(text_of(page))) != text_of(page):
            page.write_text(new, encoding="utf-8")
            print(f"{name_of(page)} written")
