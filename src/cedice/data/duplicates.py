"""Slices of different patients that are the same, or nearly so, on both sides of the split."""

import numpy as np

from cedice.data.slices import Slices

_THUMBNAIL = 32  # pixels: what makes a slice itself is coarser than this
NEAR = 0.97  # correlation of two thumbnails; ACDC has no such pair, COVID-SemiSeg two of neighbouring slices
_NEAR_WITHOUT_COMMON = 0.9  # the same, of what is left without the mean thumbnail: a black frame makes no two slices alike
_BLOCK = 512  # validation slices compared at a time


def duplicates(slices: Slices) -> list[tuple[str, str, float]]:
    """(training slice, validation slice, correlation of their thumbnails) of all pairs of different patients that are alike,
    most alike first; 1 for equal pixels. Slices that show nothing are left out."""
    thumbnails = _standardised(_thumbnails(slices.images))
    shown = np.any(thumbnails, axis=1)
    own = _standardised(np.where(shown[:, None], thumbnails - thumbnails[shown].mean(axis=0), 0)) if shown.any() else thumbnails
    train, val = (slices.rows(side, 0) for side in ("train", "val"))
    names, patients = slices.index["slice"].to_list(), slices.index["patient"].to_numpy()
    pairs = []
    for start in range(0, len(val), _BLOCK):
        block = val[start : start + _BLOCK]
        for i, j in np.argwhere(own[block] @ own[train].T > _NEAR_WITHOUT_COMMON):
            pairs.append((train[j], block[i]))
    pairs += [(i, j) for i, j in _equal(thumbnails, train, val) if shown[i]]
    alike: dict[tuple[int, int], float] = {}
    for i, j in pairs:
        if (correlation := float(thumbnails[i] @ thumbnails[j])) > NEAR and patients[i] != patients[j]:
            same = np.array_equal(slices.images[i], slices.images[j])
            alike[i, j] = 1.0 if same else min(correlation, 0.9999)
    return sorted(((names[i], names[j], value) for (i, j), value in alike.items()), key=lambda pair: (-pair[2], pair))


def _thumbnails(images: np.ndarray) -> np.ndarray:
    """(N, S, S) uint8 → (N, 1024) float32: sums over squares, without a copy of all the images."""
    starts = np.arange(_THUMBNAIL) * images.shape[1] // _THUMBNAIL
    sums = np.empty((len(images), _THUMBNAIL, _THUMBNAIL), np.float32)
    for number, image in enumerate(images):
        rows = np.add.reduceat(image, starts, axis=0, dtype=np.uint16)
        sums[number] = np.add.reduceat(rows, starts, axis=1, dtype=np.uint32)
    return sums.reshape(len(images), -1)


def _standardised(rows: np.ndarray) -> np.ndarray:
    """Rows of mean 0 and length 1; of zeros where a row is constant."""
    rows = rows - rows.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 1e-6)


def _equal(thumbnails: np.ndarray, train: np.ndarray, val: np.ndarray) -> list[tuple[int, int]]:
    seen: dict[bytes, list[int]] = {}
    for row in train:
        seen.setdefault(thumbnails[row].tobytes(), []).append(row)
    return [(row, other) for other in val for row in seen.get(thumbnails[other].tobytes(), ())]
