"""From a person's scan to a label map on the scan's own grid."""

from pathlib import Path

import numpy as np
import torch
from torch.nn import functional
from tqdm import tqdm

from cedice.data import reading
from cedice.data.preprocess import resize_image
from cedice.data.reading import Scan
from cedice.errors import CediceError
from cedice.inference.model_file import Model
from cedice.training.forward import autocast, most_probable

_BATCH = 8  # slices


def find(given: list[Path]) -> list[Path]:
    """The scans among files and folders, a folder's sorted by name; CediceError for one that is no scan, a folder without any,
    and two whose results would have one name."""
    found = []
    for path in given:
        inside = sorted(file for file in path.iterdir() if reading.is_scan(file)) if path.is_dir() else [path]
        if not inside:
            raise CediceError(f"{path}: no scan in this folder ({reading.KINDS})")
        found += inside
    names: dict[str, Path] = {}
    for path in found:
        if not path.is_file():
            raise CediceError(f"{path}: no such file")
        if not reading.is_scan(path):
            raise CediceError(f"{path}: no scan that can be read ({reading.KINDS})")
        if (other := names.setdefault(reading.scan_name(path), path)) is not path:
            raise CediceError(f"{path} and {other} would be given one name; predict them into different folders")
    return found


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
