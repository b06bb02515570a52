"""`params.yaml`: the committed file is valid, and whatever is wrong is one line that names the key."""

import functools
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from dvc.utils.serialize import load_yaml

from cedice import params, yaml12
from cedice.errors import CediceError

ROOT = Path(__file__).parent.parent
AUGMENTATION = {"rotation": 15, "scale": [0.7, 1.4], "gamma": [0.7, 1.5], "share": 0.5, "mirror": {}, "mirror_at_test": False}


@pytest.fixture
def fast_yaml(monkeypatch):
    """The same loaders and dumper in C, for a thousand files."""
    given = {name: getattr(yaml12._Loader, name) for name in ("yaml_implicit_resolvers", "yaml_constructors")}
    monkeypatch.setattr(yaml12, "_Loader", type("_Loader", (yaml.CSafeLoader,), given))
    monkeypatch.setattr(yaml, "safe_load", functools.partial(yaml.load, Loader=yaml.CSafeLoader))
    monkeypatch.setattr(yaml, "safe_dump", functools.partial(yaml.dump, Dumper=yaml.CSafeDumper))


def test_the_committed_file_is_the_papers_setting():
    paper = params.load(ROOT / "params.yaml").paper
    assert paper.train.base_channels == 64
    assert paper.train.learning_rate == 0.01
    assert paper.epochs == {"acdc": 100, "covid19": 100}
    assert paper.hardware == "gpu"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("demo.train.batch_size", 0),
        ("demo.train.batch_size", 2.5),
        ("demo.train.batch_size", "16"),
        ("demo.train.batch_size", True),
        ("small.train.learning_rate", float("nan")),
        ("small.train.learning_rate", -0.01),
        ("small.train.learning_rate", {"ce": 0.01}),
        ("small.train.learning_rate", {"ce": 0.01, "ce_dl": "0.01"}),
        ("small.train.norm", "instance"),
        ("small.train.dice", "volume"),
        ("small.train.augmentation", "some"),
        ("small.train.augmentation", AUGMENTATION | {"scale": [1.4, 0.7]}),
        ("small.train.augmentation", AUGMENTATION | {"mirror": {"acdc": ["depth"]}}),
        ("small.train.augmentation", AUGMENTATION | {"mirror": {"brain": ["vertical"]}}),
        ("recipe.train.learning_rate.ce_dl", 11),
        ("recipe.train.augmentation.share", 0),
        ("small.train.warmup", 3),
        ("small.train", None),
        ("paper.epochs.acdc", 10**9),
        ("paper.hardware", "tpu"),
        ("small.seeds", []),
        ("small.seeds", [0, 1, 0]),
        ("small.seeds", [0.5]),
        ("small.seeds", {"acdc": [0], "covid19": [0, 0]}),
        ("small.seeds", {"acdc": [0], "covid19": "all"}),
        ("small.seeds", {"acdc": [0]}),
        ("small.train.schedule", "cosine"),
        ("small.train.deterministic", "yes"),
        ("demo.source.kind", "internet"),
        ("demo.source.patients", 2),
        ("demo.split", "random"),
        ("demo.grid", {}),
        ("demo.grid.size", 8),
        ("demo.grid.spacing", "own"),
        ("demo.grid.spacing", 0),
        ("demo.grid", {"acdc": {"size": 64}}),
        ("loss.ce_dl.alpha", "one"),
        ("loss.ce_dl.alpha", -1),
        ("loss.dice", {"alpha": 1}),
        ("outlook.train.network", "resnet"),
        ("transformer.train.base_channels", 8),
        ("transformer.train.feature_size", 16),
        ("attention.train.norm", "none"),
        ("big", {}),
    ],
)
@pytest.mark.usefixtures("fast_yaml")
def test_a_wrong_key_is_named(tmp_path, edit_params, key, value):
    shutil.copy(ROOT / "params.yaml", tmp_path)
    edit_params(tmp_path, {key: value})
    with pytest.raises(CediceError) as caught:
        params.load(tmp_path / "params.yaml")
    line = str(caught.value)
    named = re.sub(r"\.(kind|network)$", "", key)  # the tag of a union is reported at the key that holds it
    assert named in line
    assert "\n" not in line


WHOLE = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))


def leaves(node: dict[str, object], above: str = "") -> Iterator[tuple[str, object]]:
    """(dotted key, value) of everything in the file."""
    for name, value in node.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


WRONG = {
    "missing": lambda value: None,
    "a text": lambda value: "many",
    "a number": lambda value: -7 if isinstance(value, str | bool | list) else "7",
    "negative": lambda value: [-1] if isinstance(value, list) else -1,
    "huge": lambda value: [2**40] if isinstance(value, list) else 1e300,
    "NaN": lambda value: [float("nan")] if isinstance(value, list) else float("nan"),
    "infinite": lambda value: [float("inf")] if isinstance(value, list) else float("inf"),
    "a list": lambda value: [[1]] if isinstance(value, list) else [value],
    "nested": lambda value: {"value": value},
}


# Of every kind of study one: the others differ in their values alone.
KEYS = [key for key, _ in leaves(WHOLE) if not re.match(r"(small|paper|outlook|own)\.", key)]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.usefixtures("fast_yaml")
def test_every_key_with_every_kind_of_wrong_value_is_one_line_that_names_it(tmp_path, edit_params, key):
    may_be_missing = re.match(r"(attention|transformer)\.epochs\.", key)  # `run` names no such study
    may_be_missing = may_be_missing or re.search(r"\.grid\.\w+\.spacing$|\.augmentation\.mirror\.", key)
    for wrong, of in WRONG.items():
        if wrong == "missing" and may_be_missing:
            continue
        shutil.copy(ROOT / "params.yaml", tmp_path)
        edit_params(tmp_path, {key: of(dict(leaves(WHOLE))[key])})
        with pytest.raises(CediceError) as caught:
            params.load(tmp_path / "params.yaml")
        assert re.sub(r"\.(kind|network)$", "", key) in str(caught.value), wrong
        assert "\n" not in str(caught.value), wrong
        assert not re.search("Input|Value error|should be|instance", str(caught.value)), wrong  # pydantic's words


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.usefixtures("fast_yaml")
def test_every_key_misspelt_is_one_line_that_names_it_or_the_one_that_lacks(tmp_path, edit_params, key):
    shutil.copy(ROOT / "params.yaml", tmp_path)
    edit_params(tmp_path, {key: None, f"{key}s": dict(leaves(WHOLE))[key]})
    with pytest.raises(CediceError) as caught:
        params.load(tmp_path / "params.yaml")
    assert re.sub(r"\.(kind|network)$", "", key) in str(caught.value)


def test_plain_cross_entropy_stays_plain(tmp_path, edit_params):
    shutil.copy(ROOT / "params.yaml", tmp_path)
    edit_params(tmp_path, {"loss.ce.alpha": 0.5})
    with pytest.raises(CediceError, match=r"loss: .*ce\.alpha must stay 0"):
        params.load(tmp_path / "params.yaml")


@pytest.mark.parametrize("text", ["", "a: [", "- 1", "\x00", "demo: 1"])
def test_a_file_that_is_not_params_is_one_line(tmp_path, text):
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(CediceError) as caught:
        params.load(tmp_path / "params.yaml")
    assert "params.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


MINE = (
    "datasets:\n  mine: {{kind: files, path: set, images: '{{n}}.png', masks: '{{n}}_gt.png', classes: {}, "
    "intensity: {{kind: window, low: 0, high: 255}}}}\n"
)


def write(path: Path, before: str, after: str) -> None:
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after, 1), encoding="utf-8")


@pytest.mark.parametrize(
    ("before", "after", "key", "value"),
    [
        ("learning_rate: 0.01", "learning_rate: 1e-2", "demo.train.learning_rate", 0.01),
        ("alpha: 1.0", "alpha: 1e-05", "loss.ce_dl.alpha", 0.00001),  # as DVC writes -S loss.ce_dl.alpha=0.00001
        ("batch_size: 4", "batch_size: 010", "demo.train.batch_size", 10),
        ("batch_size: 4", "batch_size: 0o10", "demo.train.batch_size", 8),
        ("datasets:\n", MINE.format("{background: 0, no: 1}"), "datasets.mine.classes", {"background": 0, "no": 1}),
    ],
)
def test_a_value_is_the_one_that_dvc_reads(tmp_path, before, after, key, value):
    write(tmp_path / "params.yaml", before, after)
    node, theirs = params.load(tmp_path / "params.yaml").model_dump(), load_yaml(str(tmp_path / "params.yaml"))
    for part in key.split("."):
        node, theirs = node[part], theirs[part]
    assert node == theirs == value


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        ("batch_size: 4", "batch_size: 1:30", ": demo.train.batch_size: must be a whole number, not '1:30'"),
        ("batch_size: 4", "batch_size:", ": demo.train.batch_size: must be a whole number, and is empty"),
        ("batch_size: 4", "batch_size: 0", ": demo.train.batch_size: must be 1 or more, not 0"),
        ("batch_size: 4", "batch_size: 2001-99-99", ": not valid YAML: month must be in 1..12"),
        ("deterministic: true", "deterministic: yes", ": demo.train.deterministic: must be true or false, not 'yes'"),
        ("datasets:\n", MINE.format("{background: 0, 1: 1}"), ": datasets.mine.classes.1: must be text, in quotes, not 1"),
        ("datasets:\n", MINE.format("{background: 0, true: 1}"), "classes.true: must be text, in quotes, not true"),
        ("datasets:\n", MINE.format("{background: 0, a: '1'}"), ".a: must be a whole number or be a list in brackets, not '1'"),
        ("datasets:\n", MINE.format("{a: 0, a: 2}"), ", line 199: a stands twice, first in line 199; take one away"),
        ("datasets:\n", MINE.format("{a: 0}").replace("path: set", r'path: "\udcfc"'), ".mine.path: must be UTF-8: rename"),
        ("    batch_size: 4", "    batch_size: 4\n    batch_size: 8", "line 56: batch_size stands twice, first in line 55"),
        ("kind: phantom", "kind: internet", ": demo.source.kind: must be one of 'phantom', 'archive', not 'internet'"),
        ("spacing: 1.5", "spacing: own", ".acdc.spacing: must be a number or be 'native', not 'own'"),
        ("  studies: [demo]", "\tstudies: [demo]", "that cannot start any token; indent with blanks"),
        ("run:", "[" * 9999, ": not valid YAML: nested too deeply"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_the_words_of_the_file(tmp_path, before, after, line):
    write(tmp_path / "params.yaml", before, after)
    with pytest.raises(CediceError) as caught:
        params.load(tmp_path / "params.yaml")
    assert str(caught.value).startswith(f"{tmp_path}/params.yaml")
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", ["{}".encode("utf-16"), b"run: \xfc"])
def test_a_file_of_another_encoding_says_so(tmp_path, content):
    (tmp_path / "params.yaml").write_bytes(content)
    with pytest.raises(CediceError, match="not UTF-8; save it as UTF-8"):
        params.load(tmp_path / "params.yaml")


def test_every_study_is_a_key_of_the_file():
    project = params.load(ROOT / "params.yaml")
    epochs = {name: part["epochs"] for name, part in WHOLE.items() if isinstance(part, dict) and "epochs" in part}
    assert epochs == {name: project.study(name).epochs for name in params.STUDIES}


def test_a_missing_file_says_where_to_run(tmp_path):
    with pytest.raises(CediceError, match="project's root"):
        params.load(tmp_path / "params.yaml")


def test_unknown_names_list_the_known(project, stage):
    assert "unknown study 'tiny': use one of demo, small, paper" in stage("table", "--study", "tiny")
    line = stage("train", "--study", "demo", "--dataset", "brats", "--loss", "ce", "--seed", "0")
    assert "unknown dataset 'brats': use one of acdc, covid19" in line
    line = stage("train", "--study", "demo", "--dataset", "acdc", "--loss", "dice", "--seed", "0")
    assert "unknown loss 'dice'" in line and "use one of ce, ce_dl" in line
    line = stage("train", "--study", "demo", "--dataset", "acdc", "--loss", "ce", "--seed", "7")
    assert "unknown seed '7': use one of 0" in line
    assert "--dataset" in stage("download", "--study", "demo")
    assert "--speed" in stage("table", "--study", "demo", "--speed", "9")


def test_seeds_of_every_data_set(tmp_path, edit_params):
    shutil.copy(ROOT / "params.yaml", tmp_path)
    edit_params(tmp_path, {"small.seeds": {"acdc": [0, 1], "covid19": [2, 0]}})
    small = params.load(tmp_path / "params.yaml").small
    assert (small.seeds_of("acdc"), small.seeds_of("covid19")) == ([0, 1], [2, 0])
    assert small.groups() == [(["acdc"], [0, 1]), (["covid19"], [2, 0])]
    edit_params(tmp_path, {"small.seeds": {"acdc": [3], "covid19": [3]}})
    assert params.load(tmp_path / "params.yaml").small.groups() == [(["acdc", "covid19"], [3])]
    edit_params(tmp_path, {"small.seeds": {"acdc": [3], "brats": [3]}})
    with pytest.raises(CediceError, match=r"small\.epochs\.brats is missing, and small\.seeds names brats"):
        params.load(tmp_path / "params.yaml")


def test_a_seed_that_one_data_set_lacks_cannot_be_run(tmp_path, edit_params):
    shutil.copy(ROOT / "params.yaml", tmp_path)
    run = {"studies": ["small"], "datasets": ["acdc", "covid19"], "losses": ["ce"], "seeds": [0, 1], "mixtures": []}
    edit_params(tmp_path, {"small.seeds": {"acdc": [0], "covid19": [0, 1]}, "run": run})
    with pytest.raises(
        CediceError, match=r"run\.seeds names 1, which is none of small\.seeds for acdc; `make small` gives every"
    ):
        params.load(tmp_path / "params.yaml")
