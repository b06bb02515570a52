"""Which way a scan is turned before a network sees its slices.

Axes are three letters, one for each of the axes x, y, z of a stack of slices: the side of the patient that it points to (Left,
Right, Anterior, Posterior, Superior, Inferior). A slice has x along its rows and y down its columns, and slices follow z; "LPS"
is how viewers show axial slices. Which axis of a file is z, `cedice.data.place.slicing_axis` says for training and prediction
alike.
"""

from dataclasses import dataclass

from cedice.data import place
from cedice.data.reading import Scan
from cedice.errors import CediceError

# In each the direction first in which viewers show it, to the right or down.
_LINES = {"LR": "from side to side", "PA": "from front to back", "IS": "from feet to head"}


@dataclass(frozen=True)
class Turn:
    """``axes`` that a scan is turned to, its own where it stays as it is stored ("" where these are unknown); ``warning``: ""
    or what the user must know of it."""

    axes: str
    warning: str = ""


def turn(scan: Scan, axes: str, assumed: bool) -> Turn:
    """For a network whose slices lay as ``axes`` ("" if unknown), ``assumed`` where that rests on no header.

    CediceError for a scan taken in slices along another line of the body than those of a network whose axes its headers stated:
    neither can it be cut as the network's slices were, nor does the network know its own.
    """
    if not axes:
        unknown = "the model does not say how its slices lay: labelled as stored; look at the preview"
        return Turn(scan.axes, unknown if scan.is_volume else "")
    if not scan.axes or "?" in scan.axes:
        return Turn("", f"the file does not say how it lies: labelled as stored, as if that were {axes}; look at the preview")
    taken = len(scan.image) == 1 or place.thick_axis(scan.spacing) is not None  # in slices, which are never cut across
    if taken and (line := _line(scan.axes[2])) != _line(axes[2]):
        told = f"its slices follow each other {_LINES[line]} ({scan.axes}), the network's {_LINES[_line(axes[2])]} ({axes})"
        if not assumed:
            raise CediceError(
                f"{scan.file}: {told}; give a scan taken as the network's were, or one of even voxels. If its slices do show "
                "what the network's did, remove the orientation from its header (sform_code and qform_code 0)"
            )
        shown = "".join(other[0] for other in _LINES if other != line)
        return Turn(shown + scan.axes[2], f"{told}: labelled as viewers show them; look at the preview")
    warning = f"lies {scan.axes}: turned to {axes}, which is assumed of this network; look at the preview"
    return Turn(axes, warning if assumed and scan.axes != axes else "")


def _line(letter: str) -> str:
    return next(line for line in _LINES if letter in line)
