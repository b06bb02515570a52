"""Write a new data set into `params.yaml`, as a user would: the lines that it needs, and no other letter of the file."""

import re
from pathlib import Path
from typing import Any

import yaml

from cedice import params, yaml12
from cedice.errors import CediceError
from cedice.files import replacing


def add_dataset(name: str, entry: dict[str, Any], epochs: int, train: dict[str, Any], path: Path = Path("params.yaml")) -> None:
    """Write a data set into the file ``path``, whose layout, comments and line ends stay.

    ``entry`` goes under `datasets`, ``epochs`` under `own.epochs`, and ``train`` into `own.train`, unless that serves
    another data set. CediceError, and the file as it was, where the result would not be valid, or where anything else would
    change: what an anchor shares is one place in the file.
    """
    text = path.read_bytes().decode("utf-8")
    before = yaml12.load(text, path)
    own = before["own"]
    train = {} if own["epochs"] else {key: value for key, value in train.items() if own["train"].get(key) != value}
    changes = {("datasets", name): entry, ("own", "epochs", name): epochs}
    changes |= {("own", "train", key): value for key, value in train.items()}
    wanted = before | {
        "datasets": before["datasets"] | {name: entry},
        "own": own | {"epochs": own["epochs"] | {name: epochs}, "train": own["train"] | train},
    }
    try:
        for keys, value in changes.items():
            text = _put(text, keys, value)
        after = yaml12.load(text, path)
    except (LookupError, yaml.YAMLError, CediceError) as error:
        raise CediceError(f"{path}: the entry does not fit into the file as it is laid out; write it by hand") from error
    if others := [key for key in wanted if after.get(key) != wanted[key]]:
        mend = "write the values of `own` out, without an alias (*), then add the data set again"
        raise CediceError(f"{path}: this would change {' and '.join(others)}, too, since they share an anchor (&); {mend}")
    params.parse(text, path)
    with replacing(path) as new:
        new.write_bytes(text.encode("utf-8"))


def _put(text: str, keys: tuple[str, ...], value: Any) -> str:
    """``text`` with ``value`` at these keys: in place of the one that stands there, else as a new entry. LookupError where the
    file does not write a group out itself."""
    *groups, last = keys
    node: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    for group in groups:
        key, node = _entries(node, group)[0]
    pair = _pair(last, value)
    if there := _entries(node, last):
        start, end = there[0][1].start_mark.index, _end(there[0][1])
        return text[:start] + pair.partition(": ")[2] + text[end:]
    if node.flow_style:
        before, after = text[: node.end_mark.index - 1], text[node.end_mark.index - 1 :]
        return before + ("" if before.rstrip().endswith(("{", ",")) else ", ") + pair + after
    # Right below the line of the group's key: a comment stays above the entry that it is about.
    line = re.compile(r".*?(\r?\n)").match(text, key.end_mark.index)
    if line is None:
        raise LookupError
    indent, lines = " " * node.value[0][0].start_mark.column, [pair]
    if isinstance(value, dict):
        lines = [f"{last}:", *(f"  {_pair(*each)}" for each in value.items())]
    return text[: line.end()] + "".join(f"{indent}{each}{line[1]}" for each in lines) + text[line.end() :]


def _pair(key: str, value: Any) -> str:
    """On one line, as it may stand in a block and between braces."""
    return yaml12.dump({key: value}, flow=True)[1:-2]


def _entries(group: yaml.MappingNode, name: str) -> list[tuple[yaml.ScalarNode, yaml.Node]]:
    return [(key, value) for key, value in group.value if key.value == name]


def _end(node: yaml.Node) -> int:
    """Where a value ends; PyYAML puts a block's end behind the comments that follow it."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style:
        last = node.value[-1]
        return _end(last[1] if isinstance(last, tuple) else last)
    return node.end_mark.index
