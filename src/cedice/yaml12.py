"""YAML 1.2 as DVC reads it, with ruamel.yaml, so that both read the same values in `params.yaml`.

PyYAML follows YAML 1.1. There `no` is false, `010` is 8, `1:30` is 90, `1e-05` is text, and the last of two equal keys counts.
"""

import re
from pathlib import Path
from typing import Any

import yaml

from cedice.errors import CediceError

_TAG = "tag:yaml.org,2002:"
_PLAIN = {  # what a scalar without quotes is: the patterns of ruamel.yaml, in its order, and the letters that they begin with
    "bool": (r"true|True|TRUE|false|False|FALSE", "tTfF"),
    "float": (
        r"[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?|[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+|[-+]?\.[0-9_]+(?:[eE][-+][0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+0123456789.",
    ),
    "int": (r"[-+]?0b[01_]+|[-+]?0o?[0-7_]+|[-+]?[0-9_]+|[-+]?0x[0-9a-fA-F_]+", "-+0123456789"),
}


class _Loader(yaml.SafeLoader):
    """Makes plain objects alone, as the loader that it comes from."""


class _Dumper(yaml.SafeDumper):
    """Puts into quotes whatever text one of the two versions reads as something else."""


_Loader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in given if tag.removeprefix(_TAG) not in _PLAIN]
    for letter, given in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _kind, (_pattern, _letters) in _PLAIN.items():
    for _side in (_Loader, _Dumper):
        _side.add_implicit_resolver(_TAG + _kind, re.compile(f"^(?:{_pattern})$"), list(_letters))


def _int(loader: Any, node: yaml.ScalarNode) -> int:
    text = loader.construct_scalar(node).replace("_", "")
    sign, digits = (-1 if text.startswith("-") else 1), text.lstrip("+-")
    return sign * int(digits, {"0b": 2, "0o": 8, "0x": 16}.get(digits[:2], 10))


def _float(loader: Any, node: yaml.ScalarNode) -> float:
    return float(re.sub(r"\.(?=[in])", "", loader.construct_scalar(node).replace("_", "").lower()))  # .inf and .nan


_Loader.add_constructor(f"{_TAG}int", _int)
_Loader.add_constructor(f"{_TAG}float", _float)


def read(file: Path) -> Any:
    """`load` of the text of a ``file``; OSError as the file system says."""
    return load(file.read_text(encoding="utf-8"), file)


def load(text: str, file: Path) -> Any:
    """What ``text`` says; None where it says nothing. CediceError, naming ``file`` and the line, for text that is no YAML and
    for a key that stands twice."""
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            _refuse_doubled(loader, node, file, set())
            return loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        indent = "; indent with blanks" if r"\t" in str(error.problem) else ""
        raise CediceError(f"{file}{line}: not valid YAML: {error.problem}{indent}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise CediceError(f"{file}: not valid YAML: {' '.join(str(error).split())}") from error
    except RecursionError as error:
        raise CediceError(f"{file}: not valid YAML: nested too deeply") from error


def dump(value: Any, flow: bool = False) -> str:
    """YAML that either version reads as ``value``, its keys in their order; ``flow``: all on one line."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=flow, width=10**6)


def _refuse_doubled(loader: Any, node: yaml.Node, file: Path, seen: set[int]) -> None:
    if id(node) in seen or isinstance(node, yaml.ScalarNode):  # an anchor is met again at each of its aliases
        return
    seen.add(id(node))
    lines: dict[Any, int] = {}
    for part in node.value:
        key, value = part if isinstance(node, yaml.MappingNode) else (None, part)
        if isinstance(key, yaml.ScalarNode):
            name, line = key.value if key.value == "<<" else loader.construct_object(key), key.start_mark.line + 1
            if name in lines:
                raise CediceError(f"{file}, line {line}: {key.value} stands twice, first in line {lines[name]}; take one away")
            lines[name] = line
        _refuse_doubled(loader, value, file, seen)
