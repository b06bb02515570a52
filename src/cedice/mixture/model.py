"""Segmentation without labels: a mixture of Gaussians over the pixels' features, fitted by expectation–maximisation.

No label enters a fit. The components are called after classes afterwards (`cedice.mixture.naming`): by the labels of the
training slices, which also choose among the candidates, or by a rule alone.
"""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from cedice.errors import CediceError
from cedice.mixture.features import features
from cedice.mixture.naming import by_brightness, by_labels

_SEED = 0  # of the pixels that are drawn, and of the first guess of the components
_JUDGED = 20  # times as many pixels as are fitted decide the names: no more than a count


@dataclass(frozen=True)
class Mixture:
    """A fitted mixture: the ``names`` of its features, the label of each component, and its foreground Dice over the training
    pixels by which it was chosen (None where no label was looked at)."""

    gaussians: Any
    names: list[str]
    labels: list[int]
    training_dice: float | None

    def predict(self, image: np.ndarray) -> np.ndarray:
        """Label map (H, W) uint8 of a slice (H, W) uint8."""
        components = self.gaussians.predict(features(image, self.names))
        return np.array(self.labels, dtype=np.uint8)[components].reshape(image.shape)

    def described(self) -> dict[str, Any]:
        """For a report: how it was named, and each component's share and mean."""
        return {
            "features": self.names,
            "training_dice": None if self.training_dice is None else round(self.training_dice, 4),
            "components": [
                {"label": label, "weight": round(float(weight), 4), "mean": [round(float(value), 4) for value in mean]}
                for label, weight, mean in zip(self.labels, self.gaussians.weights_, self.gaussians.means_, strict=True)
            ],
        }


def named_by_labels(images: np.ndarray, masks: np.ndarray, classes: int, candidates: list[Any], pixels: int) -> list[Mixture]:
    """One mixture for each of ``candidates`` (with `features` and `components`), the best by foreground Dice over the training
    pixels first.

    images and masks: the training slices, (N, H, W) uint8. Each is fitted to ``pixels`` of theirs.
    """
    found = []
    for candidate in candidates:
        fitted, judged, truth = _drawn(images, masks, candidate.features, pixels)
        gaussians = _fit(fitted, candidate.components)
        cells = gaussians.predict(judged) * classes + truth
        confusion = np.bincount(cells, minlength=candidate.components * classes).reshape(-1, classes)
        found.append(Mixture(gaussians, candidate.features, *by_labels(confusion)))
    return sorted(found, key=lambda mixture: -(mixture.training_dice or 0.0))


def named_by_rule(images: np.ndarray, labels: list[int], pixels: int) -> Mixture:
    """As many components of intensity alone as there are ``labels``, which they get from the darkest to the brightest.

    images: the training slices, (N, H, W) uint8.
    """
    fitted, _, _ = _drawn(images, images, ["intensity"], pixels)
    gaussians = _fit(fitted, len(labels))
    return Mixture(gaussians, ["intensity"], by_brightness(gaussians.means_[:, 0], labels), None)


def _drawn(images: np.ndarray, masks: np.ndarray, names: list[str], pixels: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features of ``pixels`` at random, those of `_JUDGED` times as many, and the masks' values of the latter; the same for
    the same slices. As many of each slice."""
    generator = np.random.default_rng(_SEED)
    each = min(max(1, _JUDGED * pixels // len(images)), images[0].size)
    judged, truth = [], []
    for image, mask in zip(images, masks, strict=True):
        chosen = generator.choice(image.size, each, replace=False)
        judged.append(features(image, names)[chosen])
        truth.append(mask.ravel()[chosen])
    values = np.concatenate(judged)
    fitted = generator.choice(len(values), min(pixels, len(values)), replace=False)
    return values[fitted], values, np.concatenate(truth).astype(np.int64)


def _fit(values: np.ndarray, components: int) -> Any:
    try:
        from sklearn.exceptions import ConvergenceWarning  # noqa: PLC0415  (an extra that few need)
        from sklearn.mixture import GaussianMixture  # noqa: PLC0415
    except ImportError as error:
        raise CediceError("scikit-learn is not installed; pip install '.[outlook]' in the project's folder") from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # after the last step it is as good as a clustering gets
        return GaussianMixture(components, reg_covar=1e-5, max_iter=300, random_state=_SEED).fit(values)
