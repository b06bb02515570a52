"""What a stage's numbers depend on follows from its imports: `dvc.yaml` is held against them."""

import ast
from pathlib import Path

import pytest
import yaml
from conftest import ROOT

from cedice.training import provenance

STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
PLUMBING = {  # imported, yet deciding no number, nor does what is imported for its sake alone
    "__init__.py": "sets how threads wait",
    "errors.py": "words of messages",
    "data/contents.py": "words of messages",
    "files.py": "how files are written; their content is what the stages make",
    "locks.py": "which process may write",
    "machine.py": "what the machine has, which is no code",
    "paths.py": "names of files, which dvc.yaml states as outputs",
    "params.py": "the values that matter are locked as params",
    "protocol.py": "the values that matter are locked as params",
    "refusals.py": "words of messages",
    "yaml12.py": "the values that matter are locked as params",
    "pipeline/stage.py": "arguments and messages",
    "tables.py": "how tables are read; their content is what the stages make",
}
NEEDED_BY = {  # plumbing to all stages but these
    "described.py": ("download", "preprocess"),  # orders the labels of own data
    "training/distributed.py": ("train", "evaluate"),
    "training/hardware.py": ("train", "evaluate"),  # download only asks whether there is a GPU
}


def imported(file: Path) -> set[Path]:
    """The files of the package that ``file`` imports, directly or by others; the package's own folders have empty __init__."""
    seen: set[Path] = set()
    queue = [file]
    while queue:
        tree = ast.parse(queue.pop().read_text(encoding="utf-8"))
        names = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "cedice":
                names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
            elif isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names if alias.name.split(".")[0] == "cedice"}
        for name in names:
            path = (ROOT / "src" / name.replace(".", "/")).with_suffix(".py")
            if path.is_file() and path not in seen:
                seen.add(path)
                queue += [path] if path.relative_to(ROOT / "src/cedice").as_posix() not in PLUMBING else []
    return seen


def dependencies(name: str) -> set[Path]:
    """The package's files among a stage's dependencies, folders unfolded."""
    found: set[Path] = set()
    for dep in (ROOT / dep for dep in STAGES[name]["deps"] if dep.startswith("src")):
        assert dep.exists(), dep
        found |= {path for path in dep.rglob("*.py") if path.name != "__init__.py"} if dep.is_dir() else {dep}
    return found


@pytest.mark.parametrize("name", STAGES)
def test_dependencies_follow_from_imports(name):
    script = f"stages/{name}.py"
    assert script in STAGES[name]["deps"]
    package = ROOT / "src/cedice"
    ignored = {package / file for file in PLUMBING}
    ignored |= {package / file for file, stages in NEEDED_BY.items() if name not in stages}
    needed, stated = imported(ROOT / script) - ignored, dependencies(name)
    folders = [dep for dep in STAGES[name]["deps"] if dep.startswith("src") and (ROOT / dep).is_dir()]
    assert {path.relative_to(ROOT).as_posix() for path in needed - stated} == set()
    # A folder may hold more than is imported, a file that is named may not.
    surplus = {path.relative_to(ROOT).as_posix() for path in stated - needed}
    assert {path for path in surplus if not any(path.startswith(f"{folder}/") for folder in folders)} == set()


def test_a_training_names_the_code_that_decides_it_once():
    code = {path.relative_to(provenance.PACKAGE) for path in provenance.code() if path.name != "__init__.py"}
    assert code == {path.relative_to(ROOT / "src/cedice") for path in dependencies("train")}


def test_plumbing_exists():
    assert all((ROOT / "src/cedice" / file).is_file() for file in (*PLUMBING, *NEEDED_BY))
