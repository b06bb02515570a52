"""A chest-CT phantom in COVID-SemiSeg's layout: lungs, mediastinum, vessels, and lesions of varied size and blur."""

import io
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from cedice.data.sources.covid19 import FOLDERS

SLICES = 5
_AIR, _LUNG, _TISSUE, _VESSEL = 15.0, 45.0, 190.0, 150.0


def write_patient(rng: np.random.Generator, number: int, patients: int, root: Path) -> None:
    """`SLICES` images and masks of patient ``number``; the last two fifths of the patients are the official test set."""
    folder = root / FOLDERS["train" if number <= round(patients * 0.6) else "val"]
    height, width = (int(size) for size in rng.integers((200, 280), (340, 440)))
    rows, columns = np.mgrid[:height, :width].astype(float)
    y, x = rows / height - 0.5, columns / width - 0.5
    size, opacity = rng.uniform(0.9, 1.1), rng.uniform(70, 100)
    for kind in ("Imgs", "GT"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    for index in range(SLICES):
        level = (index + 0.5) / SLICES  # 0 apex, 1 base of the lungs
        lungs = _lungs(y, x, size * (0.7 + 0.3 * np.sin(np.pi * level)), rng)
        density, mask = _lesions(rng, lungs, level)
        image = _scan(rng, y, x, lungs, density * opacity)
        name = number * 100 + index
        packed = io.BytesIO()  # Pillow takes no notice where a full disk takes a part of a JPEG that it writes to a file
        Image.fromarray(image).save(packed, "JPEG", quality=95)
        (folder / "Imgs" / f"{name}.jpg").write_bytes(packed.getvalue())
        Image.fromarray(mask * np.uint8(255)).save(folder / "GT" / f"{name}.png")


def _lungs(y: np.ndarray, x: np.ndarray, size: float, rng: np.random.Generator) -> np.ndarray:
    lungs = np.zeros(y.shape, bool)
    for side in (-1, 1):
        shift = rng.uniform(-0.02, 0.02)
        lungs |= np.hypot((y + shift) / (0.38 * size), (x - side * 0.23) / (0.17 * size + 0.01 * side)) < 1
    mediastinum = np.hypot((y - 0.02) / 0.22, (x - 0.03) / 0.11) < 1
    return lungs & ~mediastinum


def _lesions(rng: np.random.Generator, lungs: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Opacity (height, width), about 1 in lesions, and mask uint8: none in some slices, more towards the base.

    None is small or faint: with such ones the demo's trainings would end further apart on other processors.
    """
    density, mask = np.zeros(lungs.shape), np.zeros(lungs.shape, np.uint8)
    inside = np.argwhere(lungs)
    for _ in range(rng.poisson(0.8 + 2 * level)):
        row, column = inside[rng.integers(len(inside))]
        radius = np.exp(rng.uniform(np.log(12), np.log(45))) * lungs.shape[0] / 270
        rows, columns = np.ogrid[: lungs.shape[0], : lungs.shape[1]]
        stretch, wave, phase = rng.uniform(0.6, 1.6), rng.uniform(0, 0.25), rng.uniform(0, 2 * np.pi)
        y, x = (rows - row) * stretch, (columns - column) / stretch
        blob = (np.hypot(y, x) < radius * (1 + wave * np.cos(3 * np.arctan2(y, x) + phase))) & lungs
        mask |= blob
        density = np.maximum(density, gaussian_filter(blob.astype(float), rng.uniform(0.8, 2)) * rng.uniform(0.9, 1.1))
    return density * lungs, mask


def _scan(rng: np.random.Generator, y: np.ndarray, x: np.ndarray, lungs: np.ndarray, opacity: np.ndarray) -> np.ndarray:
    """(height, width) uint8: body, lungs with vessels, lesions, and noise that is smooth as a reconstruction kernel's."""
    signal = np.where(np.hypot(y / 0.48, x / 0.49) < 1, _TISSUE, _AIR)
    signal[lungs] = _LUNG
    vessels = gaussian_filter(rng.normal(0, 1, y.shape), rng.uniform(1.5, 2.5))
    signal[lungs & (vessels > 2.2 * vessels.std())] = _VESSEL
    signal = gaussian_filter(signal + opacity, 0.7)
    noise = gaussian_filter(rng.normal(0, 1, y.shape), 0.6)
    return np.clip(signal + noise * rng.uniform(8, 16) / noise.std(), 0, 255).astype(np.uint8)
