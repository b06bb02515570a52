"""`params.yaml`: the committed file is valid, and whatever is wrong is one line that names the key."""

import functools
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from cedice import params
from cedice.errors import CediceError

ROOT = Path(__file__).parent.parent
AUGMENTATION = {"rotation": 15, "scale": [0.7, 1.4], "gamma": [0.7, 1.5], "share": 0.5, "mirror": {}, "mirror_at_test": False}


@pytest.fixture(autouse=True)
def fast_yaml(monkeypatch):
    """The same loader and dumper in C, for a thousand files."""
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


@pytest.mark.parametrize("key", KEYS)
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
