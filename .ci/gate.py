"""The reproduction gate: do the committed numbers follow from the committed code, parameters and data?

In a clean clone of HEAD, without data and weights, for every study with committed results:
1. DVC finds every stage up to date against `dvc.lock`: no code, parameter or result was changed afterwards.
2. Tables, metrics and the figures that need no images are made again from committed counts, distances and histories: the
   same bytes.
3. Every kept experiment, laid over the clone, is up to date for DVC as well.
4. The demo is run anew, training included: its numbers are those committed, within TOLERANCE.
"""

import difflib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from cedice import experiments, paths

# Another processor sums in another order, and a training amplifies it: the last epoch alone may jump, its mean over the last
# epochs far less. On the machine that made the numbers nothing differs at all, and the gate says so.
TOLERANCE = {"dice": 0.15, "iou": 0.15, "pixel_error": 0.05}


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        clone = Path(scratch) / "clone"
        run(Path.cwd(), "git", "clone", "--quiet", str(Path.cwd()), str(clone))
        studies = sorted(path.parent.name for path in clone.glob("reports/*/metrics.json"))
        if not studies:
            sys.exit("gate: no committed results")
        for study in studies:
            up_to_date(clone, study, *targets(study))
            same_bytes(clone, study)
            for folder in sorted(clone.glob(f"reports/{study}/experiments/*/")):
                kept(clone, folder.relative_to(clone), Path(scratch) / f"{study}-{folder.name}")
        up_to_date(clone, "what small claims and tells of experiments", "claims", "experiments")
        demo_again(clone)
    print(f"gate: passed for {', '.join(studies)}")


def up_to_date(clone: Path, what: str, *stages: str) -> None:
    output = run(clone, "dvc", "repro", "--dry", "--allow-missing", *stages)
    stale = [line for line in output.splitlines() if line.startswith("Running stage")]
    if stale:
        sys.exit(f"gate: {what} is out of date against dvc.lock: {' '.join(stale)} run dvc repro and commit the results")
    print(f"gate: {what} is up to date against dvc.lock")


def kept(clone: Path, folder: Path, other: Path) -> None:
    run(clone, "git", "clone", "--quiet", str(clone), str(other))
    up_to_date(other, f"experiment {folder.name}", *experiments.lay_over(folder, clone, other))


def same_bytes(clone: Path, study: str) -> None:
    experiments_too = ["experiments"] if (clone / paths.experiments(study)).exists() else []
    for name in ("table", "where", "audit", "verdict", *experiments_too):
        run(clone, sys.executable, f"stages/{name}.py", "--study", study)
    run(clone, sys.executable, "stages/plot.py", "--study", study, "--figures", "without-slices")
    changed = run(clone, "git", "status", "--porcelain", "--", "reports")
    if changed:
        sys.exit(f"gate: {study}: made again from the committed counts, these differ:\n{changed}")
    print(f"gate: {study}: tables, metrics and figures without slices made again, byte for byte")


def demo_again(clone: Path) -> None:
    path = clone / "reports/demo/metrics.json"
    committed = json.loads(path.read_text())
    shutil.rmtree(clone / "reports/demo")
    run(clone, "dvc", "repro", *targets("demo"))
    again = json.loads(path.read_text())
    for dataset in committed:
        for arm in ("ce", "ce_dl"):
            for metric, tolerance in TOLERANCE.items():
                before, now = (
                    found[dataset][arm]["last_epochs"]["with_background"][metric]["mean"] for found in (committed, again)
                )
                if abs(now - before) > tolerance:
                    sys.exit(f"gate: demo {dataset} {arm} {metric}: {now} now, {before} committed; more than {tolerance} apart")
    exact = "to the last digit" if again == committed else f"within {TOLERANCE} over the last epochs, not exactly:"
    print(f"gate: the demo, trained again, gives the committed numbers {exact}")
    if again != committed:
        texts = (json.dumps(found, indent=1).splitlines() for found in (committed, again))
        print("\n".join(difflib.unified_diff(*texts, "committed", "again", n=0, lineterm="")))
        print(f"on {devices(clone)} now, on {devices(Path.cwd())} then")


def devices(project: Path) -> str:
    """With the number of threads, which decides the order of summation."""
    return ", ".join(sorted({json.loads(path.read_text())["device"] for path in project.glob("reports/demo/runs/*/*.json")}))


def targets(study: str) -> tuple[str, ...]:
    return tuple(f"{stage}@{study}" for stage in ("table", "plot", "where", "audit", "verdict"))


def run(folder: Path, *command: str) -> str:
    # The clone's own code, not that of the checkout that is installed here.
    environment = os.environ | {"PYTHONPATH": str(folder / "src")}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"gate: {' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
