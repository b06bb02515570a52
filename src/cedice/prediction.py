"""From a person's scan to a label map on the scan's own grid."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional
from tqdm import tqdm

from cedice.datasets import nifti, pictures
from cedice.errors import CediceError
from cedice.models import Model
from cedice.slices import resize_image
from cedice.training import autocast, most_probable

_BATCH = 8  # slices
_VOLUMES = (".nii", ".nii.gz")
_CUBIC_MM = {"mm": 1.0, "meter": 1e9, "micron": 1e-9}


@dataclass(frozen=True)
class Scan:
    """One file to predict: ``image`` (slices, height, width) as it was stored; of a volume, a slice is a plane of the file's
    first two axes, as in training. ``voxel_ml`` is one voxel's volume, None where the file does not say."""

    file: Path
    name: str
    image: np.ndarray
    voxel_ml: float | None

    @property
    def is_volume(self) -> bool:
        return _is_volume(self.file)


def find(given: list[Path]) -> list[Path]:
    """The scans among files and folders, a folder's sorted by name; CediceError for one that is no scan, a folder without any,
    and two whose results would have one name."""
    found = []
    for path in given:
        inside = sorted(file for file in path.iterdir() if _is_scan(file)) if path.is_dir() else [path]
        if not inside:
            raise CediceError(f"{path}: no scan in this folder ({_kinds()})")
        found += inside
    names: dict[str, Path] = {}
    for path in found:
        if not path.is_file():
            raise CediceError(f"{path}: no such file")
        if not _is_scan(path):
            raise CediceError(f"{path}: no scan that can be read ({_kinds()})")
        if (other := names.setdefault(_name(path), path)) is not path:
            raise CediceError(f"{path} and {other} would be given one name; predict them into different folders")
    return found


def read(path: Path) -> Scan:
    """CediceError for whatever is wrong with the file."""
    if not _is_volume(path):
        return Scan(path, _name(path), pictures.read(path)[None], None)
    scan = nifti.read(path)
    unit = _CUBIC_MM.get(scan.unit)
    voxel_ml = abs(float(np.linalg.det(scan.affine[:3, :3]))) * unit / 1000 if unit else None
    return Scan(path, _name(path), scan.voxels.transpose(2, 1, 0), voxel_ml)


def predict(model: Model, scan: Scan, precision: str, keep: bool) -> tuple[np.ndarray, np.ndarray | None]:
    """(labels (slices, H, W) uint8, probabilities (slices, C, H, W) float32 if ``keep``, else None), on the scan's own grid.

    The network's probabilities are resized, not its labels, so that borders follow the scan's pixels: bilinear, widened to
    the area of an output pixel where it shrinks. The label is the most probable class. A few slices are taken at a time.
    """
    device = next(model.network.parameters()).device
    image = model.intensity.scale(scan.image, scan.file)
    labels, kept = np.empty(image.shape, np.uint8), []
    with tqdm(total=len(image), desc=scan.name, unit="slice", leave=False, disable=None) as bar:
        for start in range(0, len(image), _BATCH):
            batch = image[start : start + _BATCH]
            pixels = torch.from_numpy(np.stack([resize_image(each, model.size) for each in batch])).unsqueeze(1).to(device)
            pixels = pixels.float().div_(255).contiguous(memory_format=torch.channels_last)
            with torch.inference_mode(), autocast(device, precision):
                logits = model.network(pixels)
            likely = _probabilities(logits.float().contiguous())
            if likely.shape[2:] != batch.shape[1:]:
                likely = functional.interpolate(likely, batch.shape[1:], mode="bilinear", align_corners=False, antialias=True)
            labels[start : start + len(batch)] = most_probable(likely).cpu().numpy()
            if keep:
                kept.append(likely.cpu().numpy())
            bar.update(len(batch))
    return labels, np.concatenate(kept) if keep else None


def _probabilities(logits: torch.Tensor) -> torch.Tensor:
    if logits.shape[1] > 1:
        return logits.softmax(dim=1)
    foreground = logits.sigmoid()
    return torch.cat([1 - foreground, foreground], dim=1)


def _is_scan(path: Path) -> bool:
    return path.name.lower().endswith((*_VOLUMES, *pictures.SUFFIXES))


def _is_volume(path: Path) -> bool:
    return path.name.lower().endswith(_VOLUMES)


def _name(path: Path) -> str:
    return path.name[: path.name.lower().rindex(".nii")] if _is_volume(path) else path.stem


def _kinds() -> str:
    return ", ".join((*_VOLUMES, *pictures.SUFFIXES))
