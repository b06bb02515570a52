"""From a person's scan to a label map on the scan's own grid."""

import math

import numpy as np
import torch
from torch.nn import functional
from tqdm import tqdm

from cedice.data import nifti
from cedice.data.grid import Grid, pixel_size
from cedice.data.preprocess import resize_image
from cedice.data.reading import Scan
from cedice.evaluation import at_threshold, thresholds
from cedice.evaluation.native import probabilities, to_native
from cedice.inference.model_file import Model
from cedice.training.forward import autocast, scores

_BATCH = 8  # slices


def label(
    model: Model, scan: Scan, axes: str, precision: str, keep: bool, threshold: float = thresholds.HALF
) -> tuple[np.ndarray, np.ndarray | None]:
    """(labels (slices, H, W) uint8, probabilities (slices, C, H, W) float32 if ``keep``, else None), on the scan's own grid.

    ``axes``: the scan is turned to these before it is cut into slices, and what comes out turned back. The network's
    probabilities are resized, not its labels, so that borders follow the scan's voxels: bilinear, widened to the area of an
    output pixel where it shrinks. Labels are those at the ``threshold`` (`cedice.evaluation.at_threshold`), by default the
    most probable class; beyond the field of a grid with a spacing they are background. A few slices are taken at a time.
    CediceError for a scan whose intensities do not fit the model's rule, or whose voxels have no size in mm where the model's
    grid needs one.
    """
    device = next(model.network.parameters()).device
    image = model.intensity.scale(turned(scan.image, scan.axes, axes), scan.file)
    pixel = _pixel_size(model.grid, scan, axes)
    labels, kept = np.empty(image.shape, np.uint8), []
    with tqdm(total=len(image), desc=scan.name, unit="slice", leave=False, disable=None) as bar:
        for start in range(0, len(image), _BATCH):
            batch = image[start : start + _BATCH]
            pixels = torch.from_numpy(np.stack([_on_grid(each, model.grid, pixel) for each in batch])).unsqueeze(1).to(device)
            pixels = pixels.float().div_(255).contiguous(memory_format=torch.channels_last)
            with torch.inference_mode(), autocast(device, precision):
                logits = scores(model.network, pixels, model.mirror)
            likely = probabilities(logits.contiguous())
            if pixel:
                likely = to_native(model.grid, likely, batch.shape[1:], pixel)
            elif likely.shape[2:] != batch.shape[1:]:
                likely = functional.interpolate(likely, batch.shape[1:], mode="bilinear", align_corners=False, antialias=True)
            labels[start : start + len(batch)] = at_threshold.labels(likely, threshold).cpu().numpy()
            if keep:
                kept.append(likely.cpu().numpy())
            bar.update(len(batch))
    back = turned(labels, axes, scan.axes)
    if not keep:
        return back, None
    likely_back = turned(np.concatenate(kept).transpose(0, 2, 3, 1), axes, scan.axes)
    return back, np.ascontiguousarray(likely_back.transpose(0, 3, 1, 2))


def turned(slices: np.ndarray, from_axes: str, to_axes: str) -> np.ndarray:
    """(slices, H, W), or (slices, H, W, C), that lie as ``from_axes``, as slices that lie as ``to_axes``."""
    return nifti.turn(slices.swapaxes(0, 2), from_axes, to_axes).swapaxes(0, 2)


def _pixel_size(grid: Grid, scan: Scan, axes: str) -> tuple[float, float] | None:
    """(Rows, columns) in mm of a slice of the scan turned to ``axes``; None where the grid has no spacing."""
    if grid.spacing is None:
        return None
    columns, rows, _ = nifti.turn_sizes(scan.spacing or (math.nan,) * 3, scan.axes, axes)
    return pixel_size(grid, {"spacing_unit": scan.unit, "spacing_rows": rows, "spacing_columns": columns}, scan.file)


def _on_grid(image: np.ndarray, grid: Grid, pixel: tuple[float, float] | None) -> np.ndarray:
    return grid.image(image, pixel) if pixel else resize_image(image, grid.size)
