"""`cedice.yaml12` reads as DVC does, which reads with ruamel.yaml: that is the oracle."""

import random
from pathlib import Path

import pytest
import yaml
from ruamel.yaml import YAML

from cedice import yaml12
from cedice.errors import CediceError

WORDS = """yes no on off y n true False TRUE null ~ 010 0o10 0x1F -0x1f 0b101 1_6 1:30 1e-05 1e5 1. 1.e3 .5 .5e3 .5e+3 -.5 +1
    +.inf -.inf .NaN -.nan 2001-01-01 1__0 08 -_ _1 e5 0xg 12e03 190:20:30 1,000 -0 0b2 0o8
    1.2.3 '1' 1_000.5 !!int !!str""".split()  # noqa: SIM905
NUMBERLIKE = ["".join(random.Random(seed).choices("0123456789_.eE+-xob", k=1 + seed % 7)) for seed in range(2000)]
TEXTS = [f"a: {word}" for word in ("", *WORDS, *NUMBERLIKE)] + [
    "a: 1\na: 2",
    "a: {b: 1, b: 2}",
    "- {b: 1, 'b': 2}",
    "1: a\n01: b",
    "x: &x {a: 1}\ny: {<<: *x, a: 2}",
    "x: &x {a: 1}\ny:\n  <<: *x\n  <<: *x",
    "d:\n  e:\n    f: &f\n      <<: {x: 1}\n      x: 2\ng:\n  <<: *f",
    "x: &x [1, *x]",
    "a: 1\n---\nb: 2",
    "*x",
]


def ours(text: str) -> object:
    try:
        return yaml12.load(text, Path("params.yaml"))
    except CediceError:
        return "refused"


def theirs(text: str) -> object:
    try:
        return YAML(typ="safe", pure=True).load(text)
    except Exception:  # ruamel.yaml has errors of many kinds
        return "refused"


def test_every_text_is_read_as_by_dvc_or_refused_by_both():
    assert [text for text in TEXTS if repr(ours(text)) != repr(theirs(text))] == []


@pytest.mark.parametrize("flow", [False, True])
def test_what_is_written_is_read_as_the_same_value_by_all(flow):
    value = {word: [word, {"a": word}] for word in (*WORDS, *NUMBERLIKE)} | {"numbers": [1e-05, 1e300, 10, -0.5, True, None]}
    text = yaml12.dump(value, flow)
    assert ours(text) == theirs(text) == yaml.safe_load(text) == value
