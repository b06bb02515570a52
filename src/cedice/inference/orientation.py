"""Which way a scan is turned before a network sees its slices.

Axes are three letters, one for each of a file's axes x, y, z: the side of the patient that it points to (Left, Right, Anterior,
Posterior, Superior, Inferior). A slice has x along its rows and y down its columns; "LPS" is how viewers show axial slices.
"""

from dataclasses import dataclass

from cedice.data.reading import Scan

_LINES = ("LR", "PA", "IS")  # in each the direction first in which viewers show it, to the right or down
_THICK = 2  # times the other edges of a voxel: such a volume was taken in slices, and is not cut across them


@dataclass(frozen=True)
class Turn:
    """``axes`` that a scan is turned to, its own where it stays as it is stored ("" where these are unknown); ``warning``: ""
    or what the user must know of it."""

    axes: str
    warning: str = ""


def turn(scan: Scan, axes: str, assumed: bool) -> Turn:
    """For a network whose slices lay as ``axes`` ("" if unknown), ``assumed`` where that rests on no header."""
    if not axes:
        unknown = "the model does not say how its slices lay: labelled as stored; look at the preview"
        return Turn(scan.axes, unknown if scan.is_volume else "")
    if not scan.axes or "?" in scan.axes:
        return Turn("", f"the file does not say how it lies: labelled as stored, as if that were {axes}; look at the preview")
    slices = _slices_axis(scan)
    if slices is not None and _line(scan.axes[slices]) != _line(axes[2]):
        shown = "".join(line[0] for line in _LINES if line not in (_line(scan.axes[slices]), ""))
        warning = f"lies {scan.axes}, its slices not as the network's ({axes}): they are labelled as viewers show them"
        return Turn(shown + scan.axes[slices], f"{warning}; look at the preview")
    warning = f"lies {scan.axes}: turned to {axes}, which is assumed of this network; look at the preview"
    return Turn(axes, warning if assumed and scan.axes != axes else "")


def _slices_axis(scan: Scan) -> int | None:
    """The axis along which the volume was taken slice by slice; None where its voxels do not tell."""
    if len(scan.image) == 1:
        return 2
    if scan.spacing is None:
        return None
    *_, middle, thick = sorted(scan.spacing)
    return scan.spacing.index(thick) if thick >= _THICK * middle else None


def _line(letter: str) -> str:
    return next(line for line in _LINES if letter in line)
