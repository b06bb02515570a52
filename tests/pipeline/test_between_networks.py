"""The networks side by side in the stage `across`: of the studies that are there, and where there is none."""

import itertools
import runpy
from pathlib import Path

import numpy as np
import pandas as pd
from project import ROOT

from cedice import params, paths
from cedice.evaluation import record
from cedice.evaluation.gather import save, write_runs
from cedice.files import write_csv
from cedice.paths import READOUTS
from cedice.pipeline.stage import Job

STUDIES = {"outlook": 0.02, "attention": 0.02, "transformer": 0.1}  # what the Dice term adds to the share of hits

NETWORKS = {
    "outlook": {"base_channels": 8, "depth": 4, "norm": "batch"},
    "attention": {"network": "attention_unet", "base_channels": 8, "depth": 4},
    "transformer": {"network": "swin_unetr", "feature_size": 12},
}


CLASSES = {"covid19": 2, "hippocampus": 3}


def results(study: str, gain: float, datasets: tuple[str, ...] = tuple(CLASSES)) -> None:
    """The record of six slices, and the verdict's rows, as that study's stages write them."""
    settings, random = params.load().study(study), np.random.default_rng(len(study))
    rows = []
    for dataset, classes in ((dataset, CLASSES[dataset]) for dataset in datasets):
        counts, histories, runs = [], [], []
        for loss, seed in ((loss, seed) for loss in params.LOSSES for seed in settings.seeds_of(dataset)):
            of = {"loss": loss, "seed": seed}
            shares = 0.7 + (loss == "ce_dl") * gain + random.normal(0, 0.01, 6)
            for readout, (number, share), label in itertools.product(READOUTS, enumerate(shares), range(classes)):
                tp = int(1000 * share)
                pixels = {"tp": tp, "fp": 1000 - tp, "fn": 1000 - tp, "tn": 4000 + tp}
                counts.append(of | {"readout": readout, "slice": f"s{number}", "class": label} | pixels)
            dice = {"dice_foreground": shares.mean(), "averaged_dice_foreground": shares.mean()}
            histories.append(of | {"epoch": 1, "collapsed": 0} | dice)
            given = {"classes": classes, "network": NETWORKS[study]}
            runs.append(of | {"settings": given, "wall_seconds": 120.0, "peak_memory_mb": {"main": 1500}})
        folder = paths.record(study) / dataset
        names = {"slice": "s", "volume": "v", "patient": "p"}
        slices = [{key: f"{letter}{number}" for key, letter in names.items()} | {"frame": ""} for number in range(6)]
        write_csv(record.file(folder, "slices"), pd.DataFrame(slices))
        save(folder, "counts", pd.DataFrame(counts))
        save(folder, "history", pd.DataFrame(histories))
        write_runs(folder / "runs.json", runs)
        numbers = {
            "mean": gain,
            "low": gain - 0.01,
            "high": gain + 0.01,
            "p": 0.01,
            "verdict": "confirmed",
            "units": 6,
            "seeds": 5,
        }
        rows += [{"readout": each, "dataset": dataset, "measure": "dice"} | numbers for each in READOUTS]
    write_csv(paths.tables(study) / "verdict.csv", pd.DataFrame(rows))


def networks(folder: Path) -> None:
    across = runpy.run_path(str(ROOT / "stages/across.py"))
    across["into"](folder, Job(params.load(), "outlook", {}), across["networks"])


def test_networks_are_compared_as_far_as_they_are_there(project):
    folder = Path("reports/networks")
    networks(folder)
    assert [path.name for path in folder.iterdir()] == ["networks.md"]
    assert "No study of these has a verdict yet: outlook, attention, transformer." in (folder / "networks.md").read_text()
    results("outlook", STUDIES["outlook"])
    networks(folder)
    assert "Two networks of at least two trainings" in (folder / "networks.md").read_text()
    results("attention", STUDIES["attention"], ("covid19",))  # its hippocampus is still to be trained
    networks(folder)
    text = (folder / "networks.md").read_text(encoding="utf-8")
    assert "**COVID-19.** The Dice term" in text
    assert "**hippocampus.** Two networks of at least two trainings" in text
    for study in ("attention", "transformer"):
        results(study, STUDIES[study])
    networks(folder)
    assert sorted(path.name for path in folder.iterdir()) == ["networks.csv", "networks.md", "networks.png"]
    text = " ".join((folder / "networks.md").read_text(encoding="utf-8").split())
    assert "**COVID-19.** The Dice term's effect differs between networks (F(2, " in text
    assert "U-Net +0.0200, attention U-Net +0.0200, Swin UNETR +0.1000." in text
    costs = [
        ("unet", 8, 4, None, 5, 9.0, None),
        ("attention_unet", 8, 4, None, 6, 12.0, 8.0),
        ("swin_unetr", None, None, 12, 1_590_141, 80, 50),
    ]
    columns = ["network", "base_channels", "depth", "feature_size", "parameters", "torch_ms", "int8_ms"]
    measured = pd.DataFrame(costs, columns=columns).assign(gflop=1.0, onnx_ms=5.0, real_time=[True, True, False])
    write_csv(paths.reports("outlook") / "cost.csv", measured)
    networks(folder)
    text = (folder / "cost.md").read_text(encoding="utf-8")
    assert "| COVID-19 | Swin UNETR 12 | 5 |" in text
    assert "1,590,141" in text
    rows = pd.read_csv(folder / "cost.csv").set_index(["dataset", "network"])
    assert rows["torch_ms_best"].loc[[("covid19", "unet"), ("covid19", "swin_unetr")]].all()  # the cheapest and the best
    assert rows["onnx_ms_best"].sum() == 2  # at one cost the best alone
    assert not rows.loc[("covid19", "unet"), "int8_ms_best"]
    assert (folder / "cost.png").is_file()
    table = pd.read_csv(folder / "networks.csv")
    assert list(table["network"]) == ["unet"] * 2 + ["attention_unet"] * 2 + ["swin_unetr"] * 2
    assert table.loc[0, "minutes"] == 2
    assert np.allclose(table["ce_dl"] - table["ce"], table["mean"], atol=0.01)
