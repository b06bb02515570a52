"""Write a new data set into `params.yaml`, as a user would."""

from pathlib import Path
from typing import Any

from cedice import params
from cedice.errors import CediceError
from cedice.files import replacing


def add_dataset(name: str, entry: dict[str, Any], epochs: int, train: dict[str, Any], path: Path = Path("params.yaml")) -> None:
    """Write a data set into the file ``path``, whose comments and layout stay.

    ``entry`` goes under `datasets`, ``epochs`` under `own.epochs`, and ``train`` into `own.train`, unless that serves
    another data set. CediceError, and the file as it was, where the result would not be valid.
    """
    try:
        from ruamel.yaml import YAML  # noqa: PLC0415  (needed by this alone)
        from ruamel.yaml.comments import CommentedMap  # noqa: PLC0415
    except ImportError as error:
        raise CediceError("ruamel.yaml is not installed, which comes with DVC: pip install '.[pipeline]'") from error
    yaml_file = YAML()
    yaml_file.preserve_quotes, yaml_file.width = True, 10_000  # long lines stay
    yaml_file.indent(mapping=2, sequence=4, offset=2)
    whole = yaml_file.load(path.read_text(encoding="utf-8"))
    if not whole["own"]["epochs"]:
        whole["own"]["train"].update(train)
    described = CommentedMap({key: _flow(value) if isinstance(value, dict) else value for key, value in entry.items()})
    whole["datasets"].insert(0, name, described)  # the comment after the last belongs to what follows
    whole["own"]["epochs"] = _flow({**whole["own"]["epochs"], name: epochs})
    with replacing(path) as new:
        with new.open("w", encoding="utf-8") as file:
            yaml_file.dump(whole, file)
        params.load(new)


def _flow(value: dict[str, Any]) -> Any:
    """On one line."""
    from ruamel.yaml.comments import CommentedMap  # noqa: PLC0415

    mapping = CommentedMap(value)
    mapping.fa.set_flow_style()
    return mapping
