"""A short-axis cardiac MRI phantom in ACDC's layout: left ventricle, myocardium and right ventricle from base to apex."""

from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter

from cedice.data import nifti

SLICES = 5
_RV, _MYOCARDIUM, _LV = 1, 2, 3


def write_patient(rng: np.random.Generator, number: int, _patients: int, root: Path) -> None:
    """Two frames (end diastole, end systole), their labels and Info.cfg of patient ``number``."""
    patient = f"patient{number:03d}"
    heart, scanner = _anatomy(rng), _acquisition(rng)
    end_systole = int(rng.integers(8, 15))
    for frame, contraction in ((1, 0.0), (end_systole, rng.uniform(0.2, 0.4))):
        labels = np.stack([_label_slice(heart, position, contraction) for position in heart["positions"]])
        image = np.stack([_scan(rng, scanner, heart, mask) for mask in labels])
        for suffix, voxels in (("", image), ("_gt", labels)):
            path = root / f"database/training/{patient}/{patient}_frame{frame:02d}{suffix}.nii.gz"
            path.parent.mkdir(parents=True, exist_ok=True)
            nifti.write(path, np.asfortranarray(voxels.transpose(2, 1, 0)), scanner["spacing"])
    (root / f"database/training/{patient}/Info.cfg").write_text(f"ED: 1\nES: {end_systole}\nGroup: PHANTOM\n")


def _anatomy(rng: np.random.Generator) -> dict[str, Any]:
    height, width = (int(size) for size in rng.integers(200, 257, 2))
    rows, columns = np.mgrid[:height, :width].astype(float)
    centre_row, centre_column = height * rng.uniform(0.45, 0.55), width * rng.uniform(0.47, 0.58)
    y, x = rows - centre_row, columns - centre_column
    return {
        "radius": np.hypot(y, x),
        "angle": np.arctan2(y, x),
        "y": y,
        "x": x,
        "body": np.hypot((rows - height / 2) / (0.46 * height), (columns - width / 2) / (0.47 * width)),
        "cavity": rng.uniform(24, 33),
        "wall": rng.uniform(10, 15),
        "rv_reach": rng.uniform(1.5, 1.9),
        "rv_turn": rng.uniform(-0.4, 0.4),
        # The outline's deviation from a circle: amplitudes and phases of its second to fourth harmonics.
        "outline": [(order, rng.normal(0, 0.05 / order), rng.uniform(0, 2 * np.pi)) for order in (2, 3, 4)],
        # 0 is the base, 1 the apex; the first slice may lie above the heart and the last beyond its tip.
        "positions": np.linspace(rng.uniform(-0.12, 0.05), rng.uniform(0.9, 1.1), SLICES),
    }


def _label_slice(heart: dict[str, Any], position: float, contraction: float) -> np.ndarray:
    """(height, width) uint8 labels: the cavity narrows to the apex, the wall closes there, the RV ends before it."""
    labels = np.zeros(heart["radius"].shape, np.uint8)
    if position > 1:
        return labels
    taper = np.sqrt(max(1 - max(position, 0) ** 2 * 0.85, 0))
    outline = 1 + sum(size * np.cos(order * heart["angle"] + phase) for order, size, phase in heart["outline"])
    cavity = heart["cavity"] * taper * (1 - contraction) * outline
    outer = (heart["cavity"] * taper * (1 - 0.35 * contraction) + heart["wall"] * (1 + 0.3 * contraction)) * outline
    reach = heart["rv_reach"] * (1 - 0.8 * max(position, 0)) * (1 - 0.4 * contraction)
    if position < 0.8:
        turn = heart["rv_turn"]
        along = heart["x"] * np.cos(turn) + heart["y"] * np.sin(turn)
        across = heart["y"] * np.cos(turn) - heart["x"] * np.sin(turn)
        size = heart["cavity"] * taper
        labels[np.hypot((along + 1.1 * size) / (reach * size), across / (1.25 * size)) < 1] = _RV
    above_the_valves = position < 0  # where the experts label the right ventricle alone
    labels[heart["radius"] < outer] = 0 if above_the_valves else _MYOCARDIUM
    labels[heart["radius"] < cavity] = 0 if above_the_valves else _LV
    return labels


def _acquisition(rng: np.random.Generator) -> dict[str, Any]:
    in_plane = float(rng.uniform(1.2, 1.8))
    # Plain contrasts that vary little: with faint ones the demo's trainings would end further apart on other processors.
    return {
        "spacing": (in_plane, in_plane, float(rng.choice([5.0, 8.0, 10.0]))),
        "blood": rng.uniform(280, 320),
        "muscle": rng.uniform(110, 130),
        "tissue": rng.uniform(35, 55),
        "lung": rng.uniform(5, 25),
        "fat": rng.uniform(60, 75),
        "noise": rng.uniform(4, 8),
        "bias": rng.normal(0, 0.05, 3),
    }


def _scan(rng: np.random.Generator, scanner: dict[str, Any], heart: dict[str, Any], labels: np.ndarray) -> np.ndarray:
    """(height, width) int16: tissues, partial volume at their borders, the coil's bias field, Rician noise."""
    texture = gaussian_filter(rng.normal(0, 1, labels.shape), 9)
    signal = np.where(texture > 0.01, scanner["tissue"], scanner["lung"])
    signal[heart["body"] > 0.9] = scanner["fat"]
    signal[heart["body"] > 1] = 0
    # The right ventricle's blood is darker: a network on which this dawns late would stop halfway in the demo's few minutes.
    for label, brightness in ((_RV, 0.65 * scanner["blood"]), (_MYOCARDIUM, scanner["muscle"]), (_LV, scanner["blood"])):
        signal[labels == label] = brightness
    signal = gaussian_filter(signal, 0.8)
    y, x = heart["y"] / labels.shape[0], heart["x"] / labels.shape[1]
    signal *= np.exp(scanner["bias"] @ np.stack([x, y, 4 * x * y]).reshape(3, -1)).reshape(labels.shape)
    real, imaginary = rng.normal(0, scanner["noise"], (2, *labels.shape))
    return np.hypot(signal + real, imaginary).astype(np.int16)
