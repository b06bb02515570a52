"""Segmentation without labels: features, names of components against all that there are, a known mixture, and the stage."""

import itertools
import json
import sys

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from sklearn.mixture import GaussianMixture

from cedice import paths
from cedice.analysis import mixtures
from cedice.data import slices
from cedice.errors import CediceError
from cedice.evaluation.counts import load_counts
from cedice.metrics import dice, region_counts
from cedice.mixture.features import SMOOTHING, features
from cedice.mixture.model import named_by_labels, named_by_rule
from cedice.mixture.naming import by_brightness, by_labels, foreground_dice
from cedice.params import Candidate


def test_features_of_a_slice():
    image = np.arange(12, dtype=np.uint8).reshape(3, 4)
    found = features(image, ["position", "intensity", "smoothed"])
    assert found.shape == (12, 4)
    assert found[:, 0].reshape(3, 4)[:, 1] == pytest.approx([-1 / 3, 0, 1 / 3])  # rows, in shares of three
    assert found[:, 1].reshape(3, 4)[0] == pytest.approx([-3 / 8, -1 / 8, 1 / 8, 3 / 8])
    assert found[:, 2] * 255 == pytest.approx(np.arange(12))
    assert found[:, 3].reshape(3, 4) == pytest.approx(gaussian_filter(image / 255, SMOOTHING))


@pytest.mark.parametrize("seed", range(20))
def test_names_by_labels_are_the_best_of_all(seed):
    generator = np.random.default_rng(seed)
    confusion = generator.integers(0, 1000, (5, 3)) ** generator.integers(1, 3, (5, 3))
    names, value = by_labels(confusion)
    values = [foreground_dice(confusion, np.array(each)) for each in itertools.product(range(3), repeat=5)]
    assert value == pytest.approx(foreground_dice(confusion, np.array(names)))
    assert value == pytest.approx(max(values))


def test_the_dice_of_names_is_that_of_the_label_maps():
    generator = np.random.default_rng(0)
    components, truth = generator.integers(0, 4, (2, 1, 30, 30))
    names = np.array([0, 2, 1, 2])
    confusion = np.bincount((components * 3 + truth.clip(max=2)).ravel(), minlength=12).reshape(4, 3)
    counts = [each[0, 1:].numpy() for each in region_counts(names[components], truth.clip(max=2), 3)]
    assert foreground_dice(confusion, names) == pytest.approx(dice(*counts).mean())
    assert foreground_dice(confusion, np.zeros(4, dtype=int)) == 0  # no class at all is no perfect score


def test_names_by_brightness():
    assert by_brightness(np.array([0.9, 0.1, 0.5]), [0, 1, 2]) == [2, 0, 1]


def discs() -> tuple[np.ndarray, np.ndarray]:
    """Four slices of three grey values, a bright ring about a grey disc on black, with noise."""
    rows, columns = np.mgrid[-32:32, -32:32]
    radius = np.hypot(rows, columns)
    mask = np.select([radius < 12, radius < 20], [1, 2], 0).astype(np.uint8)
    noise = np.random.default_rng(0).normal(0, 6, (4, 64, 64))
    images = np.clip(np.array([30, 110, 200])[mask] + noise, 0, 255).astype(np.uint8)
    return images, np.repeat(mask[None], 4, axis=0)


def test_a_known_mixture_is_found_whichever_way_it_is_named():
    images, masks = discs()
    three = Candidate(features=["intensity"], components=3)
    place = Candidate(features=["position"], components=2)
    found = named_by_labels(images, masks, 3, [place, three], 1000)
    assert [each.names for each in found] == [["intensity"], ["position"]]  # the better one first
    assert found[0].training_dice > 0.99
    by_rule = named_by_rule(images, [0, 1, 2], 1000)
    for mixture in (found[0], by_rule):
        assert (mixture.predict(images[0]) != masks[0]).mean() < 0.005
    again = named_by_rule(images, [0, 1, 2], 1000)
    assert again.described() == by_rule.described()  # the same slices, the same mixture
    assert by_rule.training_dice is None
    values = np.sort(by_rule.gaussians.means_[:, 0]) * 255
    assert values == pytest.approx([30, 110, 200], abs=2)


def test_labels_enter_no_fit():
    images, masks = discs()
    three = [Candidate(features=["intensity"], components=3)]
    turned = named_by_labels(images, (masks + 1) % 3, 3, three, 1000)[0]
    plain = named_by_labels(images, masks, 3, three, 1000)[0]
    assert isinstance(plain.gaussians, GaussianMixture)
    assert (turned.gaussians.means_ == plain.gaussians.means_).all()


def test_without_scikit_learn_it_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.mixture", None)
    with pytest.raises(CediceError, match=r"scikit-learn is not installed; pip install '\.\[outlook\]'"):
        named_by_rule(discs()[0], [0, 1], 1000)


def test_the_stage(project, stage, edit_params):
    few = [{"features": ["intensity"], "components": 3}, {"features": ["intensity", "position"], "components": 4}]
    edit_params(project, {"mixture.pixels": 500, "mixture.candidates": few})
    name = ("--study", "demo", "--dataset", "covid19")
    assert stage("download", *name) is None
    assert stage("preprocess", *name) is None
    validating = list(slices.load(*paths.slices("demo", "covid19")).part("val", 0).index["slice"])
    for naming in ("labels", "rule"):
        assert stage("mixture", *name, "--naming", naming) is None
        folder = paths.mixture("demo", "covid19", naming)
        assert sorted(path.name for path in folder.iterdir()) == ["choice.json", "counts.csv", "samples.jpg"]
        counts = load_counts(folder / "counts.csv", 2)
        assert list(counts["slice"][::2]) == validating
        choices = json.loads((folder / "choice.json").read_text())
        assert len(choices) == (2 if naming == "labels" else 1)
        assert (choices[0]["training_dice"] is None) == (naming == "rule")
    assert mixtures.load("demo", {"acdc": 4, "covid19": 2}).keys() == {"labels", "rule"}
    edit_params(project, {"mixture.studies": [], "mixture.rules": {"covid19": [0, 2]}})
    assert "names label 2; the last one is 1" in stage("mixture", *name, "--naming", "rule")
    edit_params(project, {"mixture.rules": {}})
    assert "no rule for covid19" in stage("mixture", *name, "--naming", "rule")
    assert "labels, rule" in stage("mixture", *name, "--naming", "size")
