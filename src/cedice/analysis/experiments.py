"""DVC experiments kept in Git: what each of them made itself, beside what ties it to code, data and parameters.

Layout of `reports/<study>/experiments/<name>/`:
  params.yaml  what the experiment set, and nothing else
  dvc.lock     the entries of its lock, from `download` to `evaluate`, that differ from those it started from
  and the files under `reports/<study>/` that these entries name: counts, histories, run records (and summaries of slices).
Copied over the project these are a workspace in which DVC finds those stages up to date, or does not: the gate asks it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from cedice import params, paths, yaml12
from cedice.errors import CediceError
from cedice.evaluation import record
from cedice.evaluation.runs import Runs
from cedice.evaluation.runs import load as load_runs


@dataclass(frozen=True)
class Experiment:
    """``changes``: {key of params.yaml: value} where it differs from the project's, seeds aside; ``runs``: its own, of one
    network."""

    name: str
    changes: dict[str, Any]
    runs: Runs


def load(study: str, project: params.Params, readout: str) -> list[Experiment]:
    """All kept experiments of a study that have this network (all have `last`), by name; CediceError where a file is not the
    one that the lock names, and where the parameters differ in nothing but seeds."""
    found = []
    for folder in sorted(path for path in paths.experiments(study).glob("*") if path.is_dir()):
        kept, ours = (
            yaml12.read(folder / "params.yaml"),
            project.model_dump(include={"loss", study}),
        )
        for parameters in (kept, ours):  # seeds are one list, or one for each data set, and no change of what is trained
            parameters.get(study, {}).pop("seeds", None)
        ours = _flat(ours)
        kept = _flat(kept, ours)
        if unknown := kept.keys() - ours.keys():
            raise CediceError(f"{folder}/params.yaml: {min(unknown)} is no parameter; keep the experiment again")
        changes = {key: value for key, value in sorted(kept.items()) if ours[key] != value}
        if not changes:
            raise CediceError(f"{folder}: its parameters are the project's own; delete it")
        runs = load_runs(folder, record.datasets(folder))
        if readout in runs:
            found.append(Experiment(folder.name, changes, runs[readout]))
    return found


def _flat(tree: dict[str, Any], whole: Collection[str] = ()) -> dict[str, Any]:
    """{dotted key: value}; of a key in ``whole`` the value may be a group (`augmentation`, which is "none" without)."""
    found: dict[str, Any] = {}

    def walk(node: object, key: str) -> None:
        if isinstance(node, dict) and key not in whole:
            for name, child in node.items():
                walk(child, f"{key}.{name}" if key else name)
        else:
            found[key] = node

    walk(tree, "")
    return found
