"""From the folders that `train` and `evaluate` write, one a training, to the record of a data set (`cedice.evaluation.record`).

Trainings that are here take their rows' place, or join them. The rows of the others stay where the same parameters made them,
for they are a record: their weights need not be on this machine, nor does the code have to be as it was.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from cedice import yaml12
from cedice.errors import CediceError
from cedice.evaluation import record
from cedice.files import md5, replacing, write_csv, write_json, write_text
from cedice.tables import read_table, read_text

Key = tuple[str, int]  # loss and seed
GZIP = {"method": "gzip", "mtime": 0}  # no time stamp: equal rows give equal bytes


def gather(
    target: Path,
    here: dict[Key, tuple[Path, Path]],
    parameters: dict[str, Any],
    described: dict[str, Any],
    index: pd.DataFrame,
    wanted: Iterable[Key],
) -> tuple[list[Key], list[Key]]:
    """Write the record ``target`` of a data set; the keys whose rows stay, and those whose rows leave.

    ``here``: the folders of `train` and `evaluate` of each training that is here; ``parameters``, ``described``: the content of
    `params.yaml` and of `data.json`; ``index``: slice, volume, patient, frame of the slices that validate; ``wanted``: all
    trainings of the study on the data set. CediceError where none is here and none stays.
    """
    stay, leave = _old(target, here.keys(), parameters, described, index, set(wanted))
    if not here and not stay:
        raise CediceError(f"{target}: no training of this data set is here; run the train and evaluate stages")
    order = sorted([*here, *stay])
    rows = {(row["loss"], row["seed"]): row for row in record.runs(target.parent, target.name)} if stay else {}
    rows |= {key: _run(key, trained) for key, (trained, _) in here.items()}
    with replacing(target, folder=True) as new:
        write_text(new / "params.yaml", yaml12.dump(parameters))
        write_json(new / "data.json", described)
        write_csv(record.file(new, "slices"), index, compression=GZIP)
        write_runs(new / "runs.json", [rows[key] for key in order])
        for table in record.TABLES:
            file = record.file(target, table)
            old = read_text(file) if stay and file.is_file() else None
            parts = [
                _rows(table, key, here[key]) if key in here else _of(old, key)
                for key in order
                if key in here or old is not None
            ]
            if parts:
                save(new, table, pd.concat(parts, ignore_index=True))
    return stay, leave


def save(folder: Path, table: str, rows: pd.DataFrame) -> None:
    """Write a table of cells as they are, without the names that `slices` has."""
    path = record.file(folder, table)
    known = next((names for key, names in record.NAMES.items() if key in rows), [])
    options = {} if path.suffix == ".csv" else {"compression": GZIP}
    write_csv(path, rows.drop(columns=[name for name in known if name in rows]), **options)


def write_runs(path: Path, rows: list[dict[str, Any]]) -> None:
    """A training a line."""
    lines = ",\n".join(json.dumps(row, allow_nan=False) for row in rows)
    write_text(path, f"[\n{lines}\n]\n")


def parameters(raw: dict[str, Any], study: str, dataset: str) -> dict[str, Any]:
    """What of the content ``raw`` of the project's params.yaml decides the trainings of a study on a data set."""
    settings = {key: raw[study][key] for key in ("source", "split", "grid", "epochs", "seeds", "train")}
    for key in ("grid", "epochs", "seeds"):  # of all data sets, or of each
        if isinstance(settings[key], dict) and dataset in settings[key]:
            settings[key] = {dataset: settings[key][dataset]}
    return {"loss": raw["loss"], study: settings, "datasets": {dataset: raw["datasets"][dataset]}}


def differing(then: dict[str, Any], now: dict[str, Any], loss: str) -> str | None:
    """The first key of the parameters ``then`` and ``now`` of a record that decides a training of ``loss`` and has another
    value; None where none has. Seeds say which trainings there are, and decide none."""
    for key in dict.fromkeys([*_flat(then), *_flat(now)]):
        parts = key.split(".")
        other = (parts[0] == "loss" and parts[1] != loss) or (parts[-2] == "learning_rate" and parts[-1] != loss)
        if not other and "seeds" not in parts and _flat(then).get(key) != _flat(now).get(key):
            return key
    return None


def _old(
    target: Path,
    here: Iterable[Key],
    parameters: dict[str, Any],
    described: dict[str, Any],
    index: pd.DataFrame,
    wanted: set[Key],
) -> tuple[list[Key], list[Key]]:
    """Of the record as it is, the trainings that are not ``here``: those that stay, and those that leave."""
    if not (target / "runs.json").is_file():
        return [], []
    then = yaml12.read(target / "params.yaml")
    before = record.described(target.parent, target.name)
    same_data = (
        before["slices"] == described["slices"]
        and before["source"]["sha256"] == described["source"]["sha256"]  # it may have come from another place
        and _ordered(read_table(record.file(target, "slices"))).equals(_ordered(index))
    )
    others = [(row["loss"], row["seed"]) for row in record.runs(target.parent, target.name)]
    others = [key for key in others if key not in here]
    stay = [key for key in others if key in wanted and same_data and differing(then, parameters, key[0]) is None]
    return stay, [key for key in others if key not in stay]


def _ordered(index: pd.DataFrame) -> pd.DataFrame:
    """Of folds an index may come fold by fold."""
    return index.sort_values("slice").reset_index(drop=True)


def _run(key: Key, trained: Path) -> dict[str, Any]:
    row = json.loads((trained / "run.json").read_text(encoding="utf-8"))
    weights = md5((trained / "weights.safetensors").read_bytes())  # as in dvc.lock
    return {"loss": key[0], "seed": key[1]} | row | {"weights_md5": weights}


def _rows(table: str, key: Key, folders: tuple[Path, Path]) -> pd.DataFrame:
    trained, evaluated = folders
    path = {"history": trained / "history.csv", "epochs": trained / "epochs.csv.gz"}.get(table, evaluated / f"{table}.csv")
    rows = read_text(path)
    rows.insert(0, "loss", key[0])
    rows.insert(1, "seed", str(key[1]))
    return rows


def _of(old: pd.DataFrame, key: Key) -> pd.DataFrame:
    return old[(old["loss"] == key[0]) & (old["seed"] == str(key[1]))]


def _flat(tree: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, child in tree.items():
        nested = _flat(child) if isinstance(child, dict) else None
        flat |= {f"{name}.{key}": value for key, value in nested.items()} if nested else {name: child}
    return flat
