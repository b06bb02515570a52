"""The threshold of `cedice predict`: what it makes of the probabilities, what it is told by, and where it comes from."""

import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pytest
import torch
from conftest import ROOT
from grey import NETWORK, cedice, write_model

from cedice.data import archives as containers
from cedice.data import preprocess, registry
from cedice.data.intensity import Intensity
from cedice.data.reading import Scan
from cedice.errors import CediceError
from cedice.evaluation.thresholds import THRESHOLDS, Own
from cedice.inference import label, model_file, released
from cedice.inference.model_file import Model
from cedice.metrics import dice
from cedice.unet import UNet

CPU = torch.device("cpu")


def undecided(file: Path, classes: int, own: Own | None = None) -> Path:
    """A model file whose network gives noise every probability."""
    torch.manual_seed(classes)
    arguments = NETWORK | {"out_channels": 1 if classes == 2 else classes}
    network, names = UNet(**arguments).eval(), ("background", *"abc"[: classes - 1])
    with torch.no_grad():
        logits = network(torch.rand(16, 1, 32, 32)).transpose(0, 1).flatten(1)
        scale = 4 / logits.std(dim=1)
        network.head.weight.mul_(scale.view(-1, 1, 1, 1))
        network.head.bias.sub_(logits.mean(dim=1)).mul_(scale)
    model = Model(network, names, Intensity("window", -1000, 1000), 32, {}, "LPS", own=own)
    model_file.save(file, model, arguments)
    return file


@pytest.fixture
def scan(tmp_path) -> Path:
    voxels = np.random.default_rng(0).integers(-900, 900, (50, 40, 3)).astype(np.int16)
    image = nibabel.Nifti1Image(voxels, np.array([[0, -2.0, 0, 10], [-3.0, 0, 0, 20], [0, 0, 5.0, -30], [0, 0, 0, 1]]))
    image.header.set_xyzt_units("mm")
    image.to_filename(tmp_path / "scan.nii.gz")
    return tmp_path / "scan.nii.gz"


def labelled(folder: Path) -> np.ndarray:
    return np.asarray(nibabel.load(folder / "scan_labels.nii.gz").dataobj)


@pytest.mark.parametrize("classes", [2, 3])
def test_labels_follow_from_the_probabilities_that_are_written(tmp_path, scan, classes):
    model, words = undecided(tmp_path / "m.safetensors", classes), ("--device", "cpu", "--probabilities")
    cedice("predict", model, scan, "-o", tmp_path / "usual", *words)
    likely = np.asarray(nibabel.load(tmp_path / "usual/scan_probabilities.nii.gz").dataobj)
    best = likely[..., 1:].max(axis=3)
    share = best / (best + likely[..., 0])
    for threshold in (0.3, 0.7):
        out = tmp_path / f"{threshold}"
        cedice("predict", model, scan, "-o", out, "--threshold", threshold, *words)
        expected = np.where(share < threshold, 0, 1 + likely[..., 1:].argmax(axis=3))
        np.testing.assert_array_equal(labelled(out), expected)
        assert (out / "scan_probabilities.nii.gz").read_bytes() == (tmp_path / "usual/scan_probabilities.nii.gz").read_bytes()
        table = pd.read_csv(out / "volumes.csv")
        assert set(table["threshold"]) == {float(threshold)}
        assert table["voxels"].to_list() == [(expected == each).sum() for each in range(1, classes)]
        assert (out / "scan_preview.png").read_bytes() != (tmp_path / "usual/scan_preview.png").read_bytes()
    background = [(labelled(tmp_path / name) == 0).mean() for name in ("0.3", "usual", "0.7")]
    assert np.diff(background).min() > 0.005
    assert len(np.unique(labelled(tmp_path / "0.3"))) == classes
    np.testing.assert_array_equal(labelled(tmp_path / "usual"), likely.argmax(axis=3))
    cedice("predict", model, scan, "-o", tmp_path / "half", "--threshold", "0.5", *words)
    for file in ("scan_labels.nii.gz", "scan_preview.png", "volumes.csv", "cedice-written.csv"):
        assert (tmp_path / "half" / file).read_bytes() == (tmp_path / "usual" / file).read_bytes()


def test_own_is_the_number_that_the_file_states(tmp_path, scan):
    model = undecided(tmp_path / "m.safetensors", 2, Own(0.45, 0.8, 0.7, 9))
    for threshold in ("own", "0.45"):
        cedice("predict", model, scan, "-o", tmp_path / threshold, "--threshold", threshold, "--device", "cpu")
    for file in (tmp_path / "own").iterdir():
        assert file.name.startswith(".") or file.read_bytes() == (tmp_path / "0.45" / file.name).read_bytes()


def test_own_of_a_file_that_states_none_is_one_line_and_waits_for_no_library(tmp_path, scan):
    write_model(tmp_path / "m.safetensors")
    code = "import atexit, sys; atexit.register(lambda: print('torch' in sys.modules)); from cedice.cli import main; main()"
    words = ("predict", "m.safetensors", "scan.nii.gz", "-o", "out", "--threshold", "own")
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "False\n")
    assert done.stderr.startswith("error: m.safetensors: states no threshold of its own; give a number")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("given", ["0", "1", "-0.3", "30", "nan", "30%", "0,3", "best", ""])
def test_other_words_are_refused(tmp_path, scan, capsys, given):
    with pytest.raises(SystemExit):
        cedice("predict", "acdc", scan, "-o", tmp_path / "out", f"--threshold={given}")
    assert f"--threshold: {given} is neither a number between 0 and 1, as 0.3, nor own" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_labels_at_another_threshold_are_replaced_only_if_one_insists(tmp_path, scan):
    model = undecided(tmp_path / "m.safetensors", 2)
    cedice("predict", model, scan, "-o", tmp_path / "out", "--device", "cpu")
    before = labelled(tmp_path / "out")
    given = ("predict", model, scan, "-o", tmp_path / "out", "--threshold", "0.3", "--device", "cpu")
    with pytest.raises(CediceError, match=r"would replace scan_labels.nii.gz \(at a threshold of 0.5\)"):
        cedice(*given)
    np.testing.assert_array_equal(labelled(tmp_path / "out"), before)
    cedice(*given, "--overwrite")
    cedice(*given)
    assert set(pd.read_csv(tmp_path / "out/volumes.csv")["threshold"]) == {0.3}


def test_the_released_threshold_follows_from_the_real_slices(archives, tmp_path, monkeypatch):
    """Slice by slice with NumPy, and in the card to four digits."""
    monkeypatch.setenv("CEDICE_ARCHIVES", str(archives))
    model, source = model_file.load(released.find("covid19"), CPU), registry.PUBLISHED["covid19"]
    containers.obtain(source, tmp_path / "raw")
    val = preprocess.build(source, source.cases(tmp_path / "raw"), "patient", model.grid).part("val", 0)
    _, likely = label.label(model, Scan(Path("val.nii"), "val", val.images, None), "", "float32", keep=True)
    truth, means = val.masks == 1, {}
    for threshold in THRESHOLDS:
        found = likely[:, 1] / likely.sum(axis=1) >= np.float32(threshold)
        parts = (found & truth, found & ~truth, ~found & truth)
        means[threshold] = dice(*(part.sum(axis=(1, 2)) for part in parts)).mean()
    own = model.own
    assert (max(means, key=means.get), round(means[own.threshold], 4), round(means[0.5], 4), len(val.masks)) == (
        own.threshold,
        pytest.approx(own.dice, abs=1.1e-4),  # in the last digit processors differ
        pytest.approx(own.dice_at_half, abs=1.1e-4),
        own.units,
    )


@pytest.mark.parametrize("name", released.names())
def test_a_released_card_tells_the_files_own_threshold_and_where_it_was_chosen(name):
    own, card = (
        model_file.load(released.find(name), CPU).own,
        released.find(name).with_suffix(".md").read_text(encoding="utf-8"),
    )
    (line,) = [line for line in card.splitlines() if line.startswith("- **Threshold**")]
    assert f"own`, {own.threshold:g}: " in line
    assert f"{own.dice:.4f} against {own.dice_at_half:.4f} at 0.5 (means over {own.units} " in line
    assert "on the same validation slices, not on held-out data" in line


def test_the_docs_tell_what_it_is_worth():
    own = {name: model_file.load(released.find(name), CPU).own for name in released.names()}
    covid19, acdc = own["covid19"], own["acdc"]
    told = " ".join((ROOT / "docs/predict.md").read_text(encoding="utf-8").split())
    gain = covid19.dice - covid19.dice_at_half
    assert f"{covid19.threshold:g} of `covid19` is worth {gain:.3f} there, and `acdc` stays at {acdc.threshold:g}." in told
