"""A newcomer's first hour, command by command, in a fresh clone.

`python tests/first_hour.py FOLDER [--quick]` makes FOLDER and prints each command, its seconds and the end of what it said; it
stops with status 1 at the first that fails or shows something else than it should. `--quick` makes the demo tiny, and
runs it by `make demo`. Commands run in the environment of this Python; installing is all that is left out. `make` is told so by
the file that it looks for.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nibabel
import numpy as np
from conftest import ROOT
from PIL import Image

# Expressions in params.yaml, and what takes their place.
TINY = {
    r"epochs: \{acdc: 12, covid19: 20\}": "epochs: {acdc: 3, covid19: 2}",
    r"base_channels: 4\n    depth: 4\n": "base_channels: 2\n    depth: 2\n",
    r"(?m)^reports: .*$": "reports: [demo]",
}
OWN = {
    r"  epochs: \{retina: [0-9]+\}\n  seeds: .*\n": "  epochs: {retina: 1}\n  seeds: [0, 1]\n",
    r"base_channels: 8\n    depth: 4\n((?:    .*\n)*)\Z": "base_channels: 2\n    depth: 2\n\\1",
}
COMPLETION = """
source <(cedice --print-completion bash)
COMP_WORDS=(cedice predict {}) COMP_CWORD={}
$(complete -p cedice | sed 's/.*-F \\([^ ]*\\).*/\\1/')
echo "${{COMPREPLY[@]}}"
"""


class Hour:
    """Runs commands in a clone, and stops at the first surprise."""

    def __init__(self, clone: Path):
        self.clone = clone

    def run(self, command: str, *expected: str, within: Path | None = None) -> str:
        """What a shell ``command`` prints; each of ``expected``, a regular expression, must be found there."""
        print(f"$ {command}", flush=True)
        environment = os.environ | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(self.clone / "src"),
            "COLUMNS": "120",
        }
        environment.pop("CEDICE_ARCHIVES", None)
        begun = time.perf_counter()
        with tempfile.TemporaryFile("w+") as said:  # no pipe: what stays behind, as DVC's worker, would hold it open
            status = subprocess.run(
                ["bash", "-c", command],
                cwd=within or self.clone,
                env=environment,
                stdout=said,
                stderr=subprocess.STDOUT,
                check=False,
            ).returncode
            said.seek(0)
            text = said.read()
        lines = text.splitlines()
        print("\n".join(f"  {line}" for line in lines[-30:]))
        print(f"  [{time.perf_counter() - begun:.0f} s, status {status}]\n", flush=True)
        missing = [pattern for pattern in expected if not re.search(pattern, text)]
        if status or missing or "Traceback" in text:
            sys.exit(f"FAILED: {command}: " + (f"no {missing[0]!r} in what it printed" if missing else "see above"))
        return text


def demo(hour: Hour, folder: Path, quick: bool) -> None:
    hour.run(f"git clone --quiet {ROOT} {hour.clone}", within=folder)
    hour.run("git config user.name newcomer && git config user.email newcomer@example.org")
    hour.run("mkdir .venv && touch .venv/ready")  # what `make` installs is there already
    if quick:
        edit(hour.clone / "params.yaml", TINY)
        hour.run("git commit --quiet --all --message 'Make the demo tiny'")
        hour.run("make demo")
    else:
        hour.run("dvc repro")
    hour.run("dvc repro", "up to date")
    hour.run("ls reports/demo/figures reports/demo/samples reports/demo/index.html", "figure7.png", "figure2.jpg")
    hour.run("git status --short", r"M dvc\.lock")


def sweep(hour: Hour) -> None:
    hour.run("git commit --quiet --all --message 'Numbers of this machine'")
    hour.run("dvc exp run --queue -S 'loss.ce_dl.alpha=0.5,2' table@demo")
    hour.run("dvc queue start --jobs 1")
    while re.search("Queued|Running", hour.run("sleep 20; dvc queue status")):
        pass
    hour.run("dvc queue status", r"(?s)Success.*Success")
    hour.run("dvc queue remove --success")
    shown = hour.run('dvc exp show --only-changed --drop ".*/"', r"acdc\.ce_dl", r"acdc\.gain", r"loss\.ce_dl\.alpha")
    header = next(line for line in shown.splitlines() if "loss.ce_dl.alpha" in line)
    if len(header.rstrip()) > 120:
        sys.exit("FAILED: the sweep does not fit 120 columns")
    name = re.search(r"\[([a-z]+-[a-z]+)\]", shown)
    assert name
    hour.run(f"dvc exp apply {name[1]}")
    hour.run("dvc metrics diff", r"acdc\.ce_dl")
    hour.run("dvc plots diff", "index.html")
    hour.run("git checkout --quiet . && dvc checkout --quiet plot@demo --with-deps")


def share(hour: Hour, folder: Path) -> None:
    hour.run(f"git init --quiet --bare --initial-branch $(git branch --show-current) {folder}/shared.git")
    hour.run(f"git remote set-url origin {folder}/shared.git")
    hour.run(f"dvc remote add --default shared {folder}/store && git commit --quiet --all --message 'Share the data'")
    hour.run("git push --quiet origin HEAD && dvc push plot@demo --with-deps", "pushed")
    second = Hour(folder / "second")
    second.run(f"git clone --quiet {folder}/shared.git second", within=folder)
    second.run("dvc pull plot@demo --with-deps")
    second.run("cedice verify", "all that is reported follows from what is here")


def own(hour: Hour, folder: Path) -> None:
    random = np.random.default_rng(0)
    for number in range(10):
        mask = np.zeros((96, 96), np.uint8)
        top, left = random.integers(0, 60, 2)
        mask[top : top + 30, left : left + 30] = 255
        image = random.integers(0, 90, (96, 96, 3), dtype=np.uint8)
        image[..., 1] += mask // 2
        for kind, pixels in (("images", image), ("masks", mask)):
            (folder / "retina" / kind).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(folder / "retina" / kind / f"eye{number:02d}.png")
    hour.run(f"cedice data add retina {folder}/retina --yes", "channel")
    hour.run("cedice data check retina", "retina")
    edit(hour.clone / "params.yaml", OWN)
    hour.run("make own")
    hour.run("ls reports/own/index.html")
    hour.run("git diff --stat -- params.yaml")


def use(hour: Hour) -> None:
    scans = hour.clone / "scans"
    scans.mkdir()
    voxels = np.random.default_rng(0).integers(0, 400, (120, 100, 4), dtype=np.int16)
    nibabel.Nifti1Image(voxels, np.diag([1.5, 1.5, 10, 1])).to_filename(scans / "heart.nii.gz")
    hour.run("cedice --help", "predict")
    hour.run("cedice predict acdc scans/heart.nii.gz -o labels/", "heart")
    hour.run("ls labels", "heart_labels.nii.gz", "volumes.csv")
    hour.run("cedice release demo acdc ce_dl 0 -o my-model.safetensors && cedice predict my-model.safetensors scans/ -o mine/")
    hour.run("cedice export acdc --onnx acdc.onnx && ls acdc.onnx", "acdc.onnx")
    blocks = re.findall(r"```python\n(.*?)```", (hour.clone / "docs/predict.md").read_text(encoding="utf-8"), re.DOTALL)
    (hour.clone / "lines.py").write_text("\n".join(blocks), encoding="utf-8")
    hour.run("python lines.py")
    for words, position, completed in (("acdc sca", 3, "scans"), ("ac", 2, "acdc")):
        hour.run(COMPLETION.format(words, position), completed)


def edit(file: Path, changes: dict[str, str]) -> None:
    text = file.read_text(encoding="utf-8")
    for old, new in changes.items():
        text, count = re.subn(old, new, text)
        if count != 1:
            sys.exit(f"FAILED: {file} holds {old!r} {count} times")
    file.write_text(text, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--quick", action="store_true", help="a tiny demo")
    given = parser.parse_args()
    folder = given.folder.resolve()
    folder.mkdir(parents=True)
    hour, begun = Hour(folder / "first"), time.perf_counter()
    demo(hour, folder, given.quick)
    sweep(hour)
    share(hour, folder)
    own(hour, folder)
    use(hour)
    print(f"the hour took {(time.perf_counter() - begun) / 60:.0f} minutes; nothing failed")


if __name__ == "__main__":
    main()
