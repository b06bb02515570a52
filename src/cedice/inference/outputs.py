"""What a prediction leaves for a person: label maps, probabilities, volumes in ml, and a picture to look at."""

import textwrap
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from PIL import Image

from cedice.data import nifti
from cedice.data.reading import Scan
from cedice.errors import printable
from cedice.evaluation.thresholds import HALF
from cedice.files import save_figure, write_arrays
from cedice.inference.label import turned
from cedice.inference.results import names

_SHOWN = 12  # slices
_LETTERS, _MARK = 12, 8  # so many letters an inch; a mark of the legend and its gaps are as wide as so many
_TITLE = 30  # letters in a line above a slice
# Told apart by every kind of colour vision; background first, and never painted. After the last it starts anew.
_COLOURS = ("#000000", "#EE7733", "#0077BB", "#33BBEE", "#EE3377", "#009988", "#CC3311")


def write(
    scan: Scan,
    labels: np.ndarray,
    probabilities: np.ndarray | None,
    classes: tuple[str, ...],
    folder: Path,
    axes: str,
    threshold: float,
) -> None:
    """Write ``<scan>_labels`` (.nii.gz on a volume's grid, or .png with a palette), ``<scan>_preview.png`` and, if given,
    ``<scan>_probabilities`` (.nii.gz with the classes as fourth axis, or .npz with ``probabilities``).

    labels (slices, H, W) uint8; probabilities (slices, C, H, W) float32; the preview shows the slices as they lie turned to
    ``axes``, which is how the network saw them, and names the ``threshold`` that made the labels where it is another than 0.5.
    """
    label_file, preview_file, *probabilities_file = (folder / name for name in names(scan.file, probabilities is not None))
    if scan.is_volume:
        nifti.write_onto(label_file, nifti.stacked(labels, scan.cut), scan.file)
        if probabilities is not None:
            nifti.write_onto(probabilities_file[0], nifti.stacked(probabilities.transpose(0, 2, 3, 1), scan.cut), scan.file)
    else:
        picture = Image.fromarray(labels[0], mode="P")
        picture.putpalette([round(255 * part) for label in range(len(classes)) for part in to_rgb(_colour(label))])
        picture.save(label_file)
        if probabilities is not None:
            write_arrays(probabilities_file[0], probabilities=probabilities[0])
    image, painted = (turned(each, scan.axes, axes) for each in (scan.image, labels))
    slices = [f"slice {number}" for number in range(len(painted))]
    title = scan.name if threshold == HALF else f"{scan.name}, threshold {threshold}"
    save_figure(preview(title, slices, image, painted, classes), preview_file)


def sizes(scan: Scan, labels: np.ndarray, classes: tuple[str, ...]) -> list[dict]:
    """{scan, class, voxels, ml} of every foreground class; ml is None where the scan does not say how large a voxel is."""
    counts = np.bincount(labels.ravel(), minlength=len(classes)).tolist()
    return [
        {"scan": scan.name, "class": name, "voxels": count, "ml": None if scan.voxel_ml is None else count * scan.voxel_ml}
        for name, count in list(zip(classes, counts, strict=True))[1:]
    ]


def preview(title: str, titles: Sequence[str], image: np.ndarray, labels: np.ndarray, classes: tuple[str, ...]) -> Figure:
    """Of slices (N, H, W) and their labels up to twelve, evenly spaced over those with foreground (over all where there is
    none), labels painted in."""
    there = np.flatnonzero(labels.any(axis=(1, 2)))
    there = there if len(there) else np.arange(len(labels))
    shown = there[np.unique(np.linspace(0, len(there) - 1, min(_SHOWN, len(there))).round().astype(int))]
    low, high = np.percentile(image[shown], (0.5, 99.5))
    columns = min(4, len(shown))
    lines = -(-len(shown) // columns)
    with mpl.rc_context({"font.size": 9, "text.parse_math": False}):  # a name may have a $
        patches = [Patch(facecolor=_colour(label), label=name) for label, name in enumerate(classes) if label]
        longest = max(len(printable(name)) for name in classes[1:])
        width = max(2.4 * columns, (longest + _MARK) / _LETTERS)
        ncols = min(4, len(patches), int(width * _LETTERS / (longest + _MARK)))
        heading = textwrap.fill(printable(title), int(width * _LETTERS * 0.8))  # its letters are larger
        rows = -(-len(patches) // ncols) + heading.count("\n")
        figure = Figure(figsize=(width, 2.5 * lines + 0.3 + 0.2 * rows), layout="constrained")
        for axes in figure.subplots(lines, columns, squeeze=False).flat:
            axes.set_axis_off()
        for axes, number in zip(figure.axes, shown, strict=False):
            grey = np.clip((image[number].astype(np.float32) - low) / max(high - low, 1e-9), 0, 1)
            painted = np.repeat(grey[..., None], 3, axis=2)
            for label in range(1, len(classes)):
                inside = labels[number] == label
                painted[inside] = 0.55 * painted[inside] + 0.45 * np.array(to_rgb(_colour(label)))
            axes.imshow(painted, interpolation="nearest")
            axes.set_title(textwrap.fill(printable(titles[number]), _TITLE), fontsize=8)
        figure.legend(handles=patches, loc="outside lower center", ncols=ncols, frameon=False)
        figure.suptitle(heading)
    return figure


def _colour(label: int) -> str:
    return _COLOURS[label] if label < len(_COLOURS) else _COLOURS[1 + (label - 1) % (len(_COLOURS) - 1)]
