"""The reproduction gate: do the committed numbers follow from the committed code, parameters and data?

In a clean clone of HEAD, without data and weights, for every study with committed results:
1. DVC finds every stage up to date against `dvc.lock`: no code, parameter or result was changed afterwards.
2. Tables, metrics and the figures that need no images are made again from committed counts, distances and histories: the
   same bytes.
3. The demo is run anew, training included: its numbers are those committed, within TOLERANCE.
"""

import difflib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

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
            up_to_date(clone, study)
            same_bytes(clone, study)
        claims_follow(clone)
        demo_again(clone)
    print(f"gate: passed for {', '.join(studies)}")


def up_to_date(clone: Path, study: str) -> None:
    output = run(clone, "dvc", "repro", "--dry", "--allow-missing", *targets(study))
    stale = [line for line in output.splitlines() if line.startswith("Running stage")]
    if stale:
        sys.exit(f"gate: {study} is out of date against dvc.lock: {' '.join(stale)} run dvc repro and commit the results")
    print(f"gate: {study} is up to date against dvc.lock")


def same_bytes(clone: Path, study: str) -> None:
    for name in ("table", "where", "audit", "verdict"):
        run(clone, sys.executable, f"stages/{name}.py", "--study", study)
    run(clone, sys.executable, "stages/plot.py", "--study", study, "--figures", "without-slices")
    changed = run(clone, "git", "status", "--porcelain", "--", "reports")
    if changed:
        sys.exit(f"gate: {study}: made again from the committed counts, these differ:\n{changed}")
    print(f"gate: {study}: tables, metrics and figures 1, 4, 5 made again, byte for byte")


def claims_follow(clone: Path) -> None:
    output = run(clone, "dvc", "repro", "--dry", "--allow-missing", "--single-item", "claims")
    if "Running stage" in output:
        sys.exit("gate: reports/claims.yaml is out of date: run dvc repro claims and commit it")
    print("gate: the claims follow from the verdict")


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
    exact = "to the last digit" if again == committed else f"within {TOLERANCE} over the last epochs, not exactly:\n"
    exact += "".join(
        f"  {line}\n" for line in difflib.unified_diff(*(json.dumps(m, indent=1).splitlines() for m in (committed, again)), n=0)
    )
    print(f"gate: the demo, trained again, gives the committed numbers {exact}")


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
