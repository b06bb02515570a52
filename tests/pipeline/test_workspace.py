"""The copy in which DVC is asked: what is here, and nothing for what is not."""

import subprocess

import yaml
from conftest import ROOT

from cedice.pipeline import verify, workspace


def test_folders_without_files_are_absent(project):
    """`dvc pull` of one study, and `dvc exp apply` of an experiment whose data is elsewhere, leave such folders."""
    for name in ("data/small/slices", "data/small/predictions/acdc", "models/small/acdc", "reports/small/figures"):
        (project / name).mkdir(parents=True)
    weights = project / "models/small/covid19/ce-seed0.safetensors"
    weights.parent.mkdir()
    weights.write_bytes(b"weights")
    (project / "dvc.lock").write_text("schema: '2.0'\nstages: {}\n")
    with workspace.copied(project, "small") as copy:
        assert not (copy / "data").exists()
        assert not (copy / "reports/small").exists()
        assert [path.relative_to(copy / "models") for path in (copy / "models").rglob("*.*")] == [
            weights.relative_to(project / "models")
        ]
        workspace.select(copy, "small", ["covid19"], [0, 2])
        parameters = yaml.safe_load((copy / "params.yaml").read_text())
        run = {"studies": ["small"], "datasets": ["covid19"], "losses": ["ce", "ce_dl"], "seeds": [0, 2]}
        run["mixtures"] = ["labels", "rule"]
        assert (parameters["run"], parameters["reports"]) == (run, ["small"])
    assert not list((project / ".cedice").iterdir())


def test_verify_is_not_misled_by_folders_without_files(tmp_path):
    """In a clone without data: what DVC's checkout leaves empty breaks nothing."""
    root = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(root)], check=True)
    before = verify._stale(root, "demo", lambda line: None)
    for kind in ("slices", "predictions/acdc", "raw/acdc"):
        (root / "data/demo" / kind).mkdir(parents=True)
    (root / "reports/demo/counts").mkdir()
    heard: list[str] = []
    assert verify._stale(root, "demo", heard.append) == before
