"""What a prediction leaves for a person: label maps, probabilities, volumes in ml, and a picture to look at."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from PIL import Image

from cedice.data import nifti
from cedice.data.reading import Scan
from cedice.files import replacing, save_figure, write_arrays

_SHOWN = 12  # slices
# Told apart by every kind of colour vision; background first, and never painted. After the last it starts anew.
_COLOURS = ("#000000", "#EE7733", "#0077BB", "#33BBEE", "#EE3377", "#009988", "#CC3311")


def write(scan: Scan, labels: np.ndarray, probabilities: np.ndarray | None, classes: tuple[str, ...], folder: Path) -> None:
    """Write ``<scan>_labels`` (.nii.gz on a volume's grid with its header, or .png with a palette), ``<scan>_preview.png`` and,
    if given, ``<scan>_probabilities`` (.nii.gz with the classes as fourth axis, or .npz with ``probabilities``).

    labels (slices, H, W) uint8; probabilities (slices, C, H, W) float32.
    """
    if scan.is_volume:
        with replacing(folder / f"{scan.name}_labels.nii.gz") as new:
            nifti.write_onto(new, labels.transpose(2, 1, 0), scan.file)
        if probabilities is not None:
            with replacing(folder / f"{scan.name}_probabilities.nii.gz") as new:
                nifti.write_onto(new, probabilities.transpose(3, 2, 0, 1), scan.file)
    else:
        with replacing(folder / f"{scan.name}_labels.png") as new:
            picture = Image.fromarray(labels[0], mode="P")
            picture.putpalette([round(255 * part) for label in range(len(classes)) for part in to_rgb(_colour(label))])
            picture.save(new)
        if probabilities is not None:
            write_arrays(folder / f"{scan.name}_probabilities.npz", probabilities=probabilities[0])
    names = [f"slice {number}" for number in range(len(labels))]
    save_figure(preview(scan.name, names, scan.image, labels, classes), folder / f"{scan.name}_preview.png")


def volumes(scan: Scan, labels: np.ndarray, classes: tuple[str, ...]) -> pd.DataFrame:
    """scan, class, voxels and ml (NaN where the scan does not say how large a voxel is), a row a foreground class."""
    counts = np.bincount(labels.ravel(), minlength=len(classes))
    rows = [
        {"scan": scan.name, "class": name, "voxels": int(count), "ml": None if scan.voxel_ml is None else count * scan.voxel_ml}
        for name, count in list(zip(classes, counts, strict=True))[1:]
    ]
    return pd.DataFrame(rows).astype({"ml": float})


def preview(title: str, names: Sequence[str], image: np.ndarray, labels: np.ndarray, classes: tuple[str, ...]) -> Figure:
    """Of slices (N, H, W) and their labels up to twelve, evenly spaced over those with foreground (over all where there is
    none), labels painted in."""
    there = np.flatnonzero(labels.any(axis=(1, 2)))
    there = there if len(there) else np.arange(len(labels))
    shown = there[np.unique(np.linspace(0, len(there) - 1, min(_SHOWN, len(there))).round().astype(int))]
    low, high = np.percentile(image[shown], (0.5, 99.5))
    columns = min(4, len(shown))
    lines = -(-len(shown) // columns)
    with mpl.rc_context({"font.size": 9}):
        figure = Figure(figsize=(2.4 * columns, 2.5 * lines + 0.5), layout="constrained")
        for axes in figure.subplots(lines, columns, squeeze=False).flat:
            axes.set_axis_off()
        for axes, number in zip(figure.axes, shown, strict=False):
            grey = np.clip((image[number].astype(np.float32) - low) / max(high - low, 1e-9), 0, 1)
            painted = np.repeat(grey[..., None], 3, axis=2)
            for label in range(1, len(classes)):
                inside = labels[number] == label
                painted[inside] = 0.55 * painted[inside] + 0.45 * np.array(to_rgb(_colour(label)))
            axes.imshow(painted, interpolation="nearest")
            axes.set_title(names[number], fontsize=8)
        patches = [Patch(facecolor=_colour(label), label=name) for label, name in enumerate(classes) if label]
        figure.legend(handles=patches, loc="outside lower center", ncols=min(4, len(patches)), frameon=False)
        figure.suptitle(title)
    return figure


def _colour(label: int) -> str:
    return _COLOURS[label] if label < len(_COLOURS) else _COLOURS[1 + (label - 1) % (len(_COLOURS) - 1)]
