"""Models to be handed on: from a training, with a card that tells what it is; and those that come along."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import ROOT

from cedice import paths
from cedice.cli import parser
from cedice.data import slices
from cedice.data.reading import Scan
from cedice.errors import CediceError
from cedice.evaluation import record, runs
from cedice.evaluation.counts import pooled_headline
from cedice.evaluation.thresholds import THRESHOLDS, Own
from cedice.files import read_arrays
from cedice.inference import model_file, released
from cedice.inference.label import label
from cedice.paths import Training

TRAINING = Training("demo", "covid19", "ce_dl", 0)


def release(*arguments: str) -> None:
    given = parser().parse_args(["release", *arguments])
    given.do(given)


def test_a_training_becomes_a_model_that_predicts_as_it_was_evaluated(ran):
    release("demo", "covid19", "ce_dl", "0", "-o", "m.safetensors")
    model = model_file.load(Path("m.safetensors"), torch.device("cpu"))
    assert model.classes == ("background", "infection")
    data = slices.load(*paths.slices("demo", "covid19"))
    val = data.part("val", 0)
    found, _ = label(model, Scan(Path("val.nii"), "val", val.images, None), "", "float32", keep=False)
    (expected,) = read_arrays(paths.labels(TRAINING, "averaged"), "labels")
    assert (found == expected).mean() > 0.999  # half precision turns a pixel in a thousand, at most
    means = {}
    for threshold in THRESHOLDS:
        found, _ = label(model, Scan(Path("val.nii"), "val", val.images, None), "", "float32", False, float(threshold))
        both = [(found[rows] == 1, val.masks[rows] == 1) for rows in val.index.groupby("patient").groups.values()]
        means[threshold] = np.mean([2 * (a & b).sum() / (a.sum() + b.sum()) for a, b in both if a.any() or b.any()])
    expected = Own(max(means, key=means.get), round(max(means.values()), 4), round(means[0.5], 4), len(both))
    assert model.own == expected
    card = Path("m.md").read_text(encoding="utf-8")
    assert f"`--threshold own`, {expected.threshold:g}: " in card
    assert f"{expected.dice:.4f} against {expected.dice_at_half:.4f} at 0.5" in card
    counts = runs.load(paths.record("demo"), ["covid19"])["averaged"][TRAINING.key].counts
    evaluated = pooled_headline(counts)
    printed = float(re.search(r"\| Dice, foreground \| ([\d.]+) \|", card)[1])
    assert printed == pytest.approx(evaluated["foreground"]["dice"], abs=0.005)
    assert "2 base channels" in card
    Path("usual").touch()
    assert {Path(name).stat().st_mode for name in ("m.safetensors", "m.md")} == {Path("usual").stat().st_mode}
    before = Path("m.safetensors").read_bytes(), card
    release("demo", "covid19", "ce_dl", "0", "-o", "m.safetensors")
    assert (Path("m.safetensors").read_bytes(), Path("m.md").read_text(encoding="utf-8")) == before
    recorded = paths.record("demo") / "covid19/runs.json"
    table = recorded.read_text()
    for there, line in ((table[:-20], "not a record of trainings"), (None, "is not here; run the study")):
        recorded.write_text(there) if there else recorded.unlink()  # damaged; and as before the study ran
        with pytest.raises(CediceError, match=line):
            release("demo", "covid19", "ce_dl", "0", "-o", "new/n.safetensors")
        assert not list(Path("new").glob("*"))
    recorded.write_text(table)
    Path("notes.md").write_text("mine")
    with pytest.raises(CediceError, match=r"notes.md: no card of a model"):
        release("demo", "covid19", "ce_dl", "0", "-o", "notes.safetensors")
    assert Path("notes.md").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("demo", "acdc", "ce_dl", "0", "-o", "m.safetensors"), "run the study first"),
        (("demo", "acdc", "ce_dl", "7", "-o", "m.safetensors"), "unknown seed"),
        (("tiny", "acdc", "ce_dl", "0", "-o", "m.safetensors"), "unknown study"),
        (("demo", "acdc", "ce_dl", "0", "-o", "m.pt"), "ends in .safetensors"),
    ],
)
def test_what_cannot_be_released_is_one_line(project, arguments, line):
    with pytest.raises(CediceError, match=line):
        release(*arguments)
    assert not list(Path().glob("m.*"))


@pytest.mark.parametrize("name", released.names())
def test_what_comes_along_is_small_has_a_card_and_is_of_the_reported_training(name):
    file = released.find(name)
    assert file.stat().st_size < 4e6
    made_from = model_file.load(file, torch.device("cpu")).made_from
    training = Training(*(made_from[field] for field in Training._fields))
    rows = record.runs(ROOT / paths.record(training.study), training.dataset)
    recorded = {(row["loss"], row["seed"]): row["weights_md5"] for row in rows}
    assert recorded[training.key[1:]] == made_from["weights_md5"]
    card = file.with_suffix(".md").read_text(encoding="utf-8")
    assert "No clinical use" in card
    assert "non-commercial" in card
    assert re.search(r"\| Dice, foreground \| 0\.\d{4} \| 0\.\d{4} ± 0\.\d{4} \|", card)


def test_two_models_come_along():
    assert released.names() == ["acdc", "covid19"]
