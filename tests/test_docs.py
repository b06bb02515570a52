"""README and docs: their numbers are the committed reports', their links lead somewhere, and the commands they name exist.

`python tests/test_docs.py` writes the blocks anew, from reports and records as they are.
"""

import itertools
import re
import shlex
from functools import cache
from pathlib import Path

import pandas as pd
import pytest
import yaml
from conftest import ROOT
from dvc.cli.parser import get_main_parser

from cedice import cli
from cedice.analysis.across import rank
from cedice.analysis.statistics import paired
from cedice.described import Files
from cedice.evaluation import record
from cedice.evaluation.runs import decisive
from cedice.metrics import dice
from cedice.paper import titles
from cedice.params import LOSSES
from cedice.protocol import UNetTrain
from cedice.reporting.across import STUDY_TITLES
from cedice.reporting.markdown import interval, number, table

LIMITS = {"README.md": 8_000, "docs/results.md": 18 * 1024}  # bytes: what somebody reads to the end
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


# Blocks: <!-- from FILE: words --> is a report's bold sentences; <!-- from records: STUDY DATASET, STUDY DATASET --> the
# verdict on Dice beside its two levels, " without COLUMN, COLUMN" leaves columns out. Each ends with <!-- end -->.


def wanted(source: str, what: str) -> str:
    """What stands in a block, made from the report or the records."""
    if source not in ROWS:
        first = (ROOT / source).read_text(encoding="utf-8").partition("## Loss or decision rule?")[0]
        parts = first.split("\n\n")
        return "\n\n".join(" ".join(part.split("\n")) for part in parts if part.startswith("**")) + "\n"
    names, _, left_out = what.partition(" without ")
    rows = [ROWS[source](*name.split()) for name in names.split(", ")]
    heads = [head for head in rows[0] if head not in left_out.split(", ")]
    return "".join(f"{line}\n" for line in table(heads, [[row[head] for head in heads] for row in rows]))


@cache
def answers() -> pd.DataFrame:
    return pd.read_csv(ROOT / "reports/across/answers.csv").set_index(["study", "dataset"])


def answer(study: str, dataset: str) -> dict[str, str]:
    """The verdict of a study on Dice, beside the two levels that the gain is the difference of: means over units and seeds."""
    row = answers().loc[study, dataset]
    return {
        "data": titles([dataset])[dataset],
        "study": STUDY_TITLES[study],
        "mean over": f"{row['units']} {row['unit']}s, {row['seeds']} seeds",
        "CE": number(row["ce"]),
        "CE + DL": number(row["ce_dl"]),
        "gain": number(row["mean"], "+"),
        "95 % interval": interval(row["low"], row["high"]),
        "verdict": row["verdict"],
        "p over all rows": number(row["p_all"], digits=".2g"),
        "pooled over the set": f"{number(row['pooled_ce'])} → {number(row['pooled_ce_dl'])}",
    }


ROWS = {"records": answer}


def rewritten(text: str) -> str:
    return BLOCK.sub(lambda block: block[1] + wanted(block[2], block[3]) + block[5], text)


BLOCKS = [(name_of(page), *block.group(2, 3, 4)) for page in PAGES for block in BLOCK.finditer(text_of(page))]


@pytest.mark.parametrize(("page", "source", "what", "shown"), BLOCKS, ids=lambda value: str(value)[:40])
def test_blocks_are_those_of_the_reports(page, source, what, shown):
    assert shown == wanted(source, what), f"{page}: run `python tests/test_docs.py`, then read the sentences around it"


def test_the_answer_is_shown_with_its_levels():
    shown = {page: what.split(" without ")[0].split(", ") for page, source, what, _ in BLOCKS if source == "records"}
    assert shown["README.md"] == ["small covid19", "small acdc", "outlook hippocampus"]


def test_numbers_in_sentences_are_those_of_the_reports():
    """Sentences repeat numbers; these are made here as they are written there."""
    readme, results, predict = (
        " ".join(text_of(ROOT / name).split()) for name in ("README.md", "docs/results.md", "docs/predict.md")
    )
    verdict = pd.read_csv(SMALL / "tables/verdict.csv")
    verdict = verdict[verdict["readout"] == decisive(verdict["readout"])].set_index(["dataset", "measure"])
    confirmed = verdict.index[verdict["verdict"] == "confirmed"].to_list()
    assert len(confirmed) == 9 and verdict.loc[("acdc", "pixel_error"), "verdict"] == "confirmed, within the margin"
    assert "**All ten are confirmed**, one of them, pixel error on ACDC, within the margin" in results
    across = pd.read_csv(ROOT / "reports/across/across.csv")
    assert f"(rank correlation {rank(across, 'threshold_gain', 'half'):.2f} over ten rows, without a test)" in results
    assert len(across) == 10
    cells = pd.read_csv(ROOT / "reports/causes/levels.csv")
    cells = cells[cells["patients"].isna() & ~cells["augmented"]].set_index("term").loc[["ce", "sample", "batch"]]
    said = "Dice is {:.4f} with CE, {:.4f} with the term over each sample, {:.4f} over the batch".format(*cells["half"])
    assert said in results
    assert "false marks are {:.1f}, {:.1f} and {:.1f} of 100".format(*cells["false_marks"]) in results

    def pooled(readout: str, dataset: str, loss: str, study: str = "small") -> str:
        rows = pd.read_csv(ROOT / f"reports/{study}/tables/table1.csv").query("convention == 'foreground' and metric == 'dice'")
        row = rows.set_index(["readout", "dataset", "loss"]).loc[readout, dataset, loss]
        return f"{row['mean']:.3f} ± {row['std']:.3f}"

    averaged = {key: pooled("averaged", *key) for key in itertools.product(("acdc", "covid19"), LOSSES)}
    assert f"ACDC {averaged['acdc', 'ce']} with CE, {averaged['acdc', 'ce_dl']} with CE + DL" in readme
    assert f"COVID-19 {averaged['covid19', 'ce']} and {averaged['covid19', 'ce_dl']}" in readme
    wide = [pooled("averaged", "covid19", loss, "paper") for loss in LOSSES]
    assert f"COVID-19 is recorded: {wide[0]} with CE, {wide[1]} with CE + DL" in readme
    for name in ("acdc", "covid19"):
        assert re.search(rf"`{name}` \|[^\n]*?foreground Dice {re.escape(averaged[name, 'ce_dl'])}", predict)
    runs = [row for dataset in ("acdc", "covid19") for row in record.runs(SMALL / "record", dataset)]
    minutes = sum(row["wall_seconds"] for row in runs) / 60
    assert f"{minutes:.0f} minutes of training" in text_of(ROOT / "docs/reproduce.md")


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
    targets = record.by_network(record.load(SMALL / "record", "targets", [dataset]))["averaged"]
    tables = {}
    for (_, loss, seed), rows in targets.items():
        small = rows[rows["pixels"] < threshold]
        scores = dice(small["hits"], small["predicted"] - small["hits"], small["pixels"] - small["hits"])
        tables[loss, seed] = pd.Series(scores, small.index).groupby(small["patient"]).mean()
    seeds = PARAMS["small"]["seeds"][dataset]
    gains = pd.DataFrame([tables["ce_dl", seed] - tables["ce", seed] for seed in seeds]).dropna(axis=1).to_numpy()
    assert f"{paired(gains, margin=0.02).p:.{len(shown) - 2}f}" == shown
    assert gains.mean() > 0
    assert shown in text_of(ROOT / "docs/results.md")


@pytest.mark.parametrize("page", LIMITS)
def test_a_page_is_short_enough_to_be_read(page):
    assert len((ROOT / page).read_bytes()) <= LIMITS[page]


def test_the_readme_begins_with_the_answer_and_the_commands():
    first = text_of(ROOT / "README.md").split("\n## ")[0]
    for part in ("The answer so far", "| COVID-19 |", "![", "git clone", "make demo", "make test", "pip install ."):
        assert part in first


def test_every_page_is_in_the_index():
    index = text_of(ROOT / "docs/README.md")
    assert not [page.name for page in PAGES[2:] if page.name != "README.md" and f"({page.name})" not in index]


LINKS = [(page, link) for page in PAGES for link in re.findall(r"\]\(([^)\s]+)\)", FENCED.sub("", text_of(page)))]


def test_links_lead_to_files_and_headings():
    assert len(LINKS) > 50
    assert not [f"{name_of(page)}: {link}" for page, link in LINKS if "://" not in link and not _leads(page, link)]


def _leads(page: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    if not anchor or not target.is_file():
        return target.exists()
    return anchor in [_anchor(heading) for heading in re.findall(r"^#+ (.+)$", text_of(target), flags=re.MULTILINE)]


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
    words = [word for word in words if word != "--help"]
    if words[1:] in ([], ["--version"]):
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
        *parents, last = key.removeprefix("+").split(".")
        for part in parents:
            node = node[part]
        assert last in (UNetTrain.model_fields if key.startswith("+") else node), f"params.yaml has no {key}"
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
            exec(compile(block, "docs/predict.md", "exec"), lines)  # noqa: S102  (our own page)
    assert lines["labels"].shape == (1, 256, 256)
    assert lines["loss"].ndim == 0


def test_nothing_is_left_to_be_filled_in():
    assert not [f"{page.name}: {mark}" for page in PAGES for mark in re.findall(r"«[A-Z_]+»", text_of(page))]


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
