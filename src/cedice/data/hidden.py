"""A data set that lies in the checkout stays out of `git add .`: scans are private, and large."""

import re
import subprocess
from pathlib import Path


def hide(path: Path) -> str:
    """Have Git leave out the folder or archive ``path`` if it lies in the checkout of the current folder; one line on that, or
    "" where there is nothing to say. What Git tracks already stays so."""
    path = path.resolve()
    root = _git("rev-parse", "--show-toplevel")
    if not root or root == str(path) or not path.is_relative_to(root) or _git("ls-files", "--", str(path)):
        return ""
    if _git("check-ignore", "--", str(path)):
        return f"{path.name} lies where Git leaves files out: `git add .` does not take it"
    exclude = Path(_git("rev-parse", "--git-path", "info/exclude"))
    exclude.parent.mkdir(parents=True, exist_ok=True)
    before = exclude.read_text(encoding="utf-8") if exclude.exists() else ""
    line = re.sub(r"([\\*?\[ ])", r"\\\1", f"/{path.relative_to(root).as_posix()}")
    with exclude.open("a", encoding="utf-8") as file:
        file.write(f"{line}\n" if not before or before.endswith("\n") else f"\n{line}\n")
    return f"{path.name} lies in this checkout: {exclude} now keeps it out of `git add .`, since scans are private"


def _git(*arguments: str) -> str:
    """What it prints; "" where it fails, or is not there."""
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
