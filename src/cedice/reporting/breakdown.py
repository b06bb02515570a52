"""Where the losses differ, for people."""

import pandas as pd

from cedice.evaluation.boundaries import TOLERANCES
from cedice.paper import LOSS_TITLES, PAIR, READOUT_TITLES, titles
from cedice.reporting.markdown import spread, table, title

_KEYS = {"dataset": "data", "pixels": "pixels of the target"}
_MEASURES = {
    **{f"surface_dice_{tolerance}": f"surface Dice at {tolerance}" for tolerance in TOLERANCES},
    "hd95": "HD95",
    "assd": "ASSD",
    "false_marks": "false marks",
    "dice": "Dice",
    "recall": "recall",
    "missed": "missed",
}
_ABOUT = """Mean ± standard deviation over the seeds; the last column is CE + DL minus CE, seed by seed. Validation set;
network: {network} (the CSV files have the tables of each that was kept).
"""
_ABOUT_BORDERS = """## Borders

Over the n slices that truly have the class, the same for both losses. Surface Dice at 1, 2 and 3: the share of both borders
that lies within that distance of the other, 0 where the class is not marked; higher is better. Missed: the share of these
slices on which it is not marked. HD95 and ASSD: distances where it is (n: mean over the trainings); lower is better. False
marks: the share of the n slices without the class on which it is marked.
"""
_ABOUT_TARGETS = """
## Targets by size

Every connected true region of a class in a slice (n of them), by its pixels in the 256×256 slice. Dice: against the predicted
regions that touch it; recall: the share of its pixels that are found; missed: the share of targets without any.
"""
_ABOUT_LEVELS = """
## From base to apex

Each volume's slices with foreground in three equal parts (n slices in all volumes); the basal end is the one with more true
foreground. Dice: counts pooled over a part's slices. Data sets of single slices are not in this table.
"""


def markdown(
    edges: pd.DataFrame,
    sizes: pd.DataFrame,
    levels: pd.DataFrame,
    readout: str,
    study: str,
    synthetic: bool,
    classes: dict[str, tuple[str, ...]],
) -> str:
    """All tables for people, of the network ``readout``; ``classes``: the names of a data set's labels."""
    lines = title("Where the losses differ", study, synthetic)
    lines += [_ABOUT.format(network=READOUT_TITLES[readout]), _ABOUT_BORDERS]
    lines += _table(_named(edges, classes), ["dataset", "class", "n", "measure", "unit"])
    lines += [_ABOUT_TARGETS, *_table(sizes, ["dataset", "pixels", "n", "measure"])]
    if len(levels):
        lines += [_ABOUT_LEVELS, *_table(_named(levels, classes), ["dataset", "level", "class", "n", "measure"])]
    return "\n".join(lines) + "\n"


def _named(frame: pd.DataFrame, classes: dict[str, tuple[str, ...]]) -> pd.DataFrame:
    names = [classes[dataset][label] for dataset, label in zip(frame["dataset"], frame["class"], strict=True)]
    return frame.assign(**{"class": names})


def _table(frame: pd.DataFrame, keys: list[str]) -> list[str]:
    columns = {loss: LOSS_TITLES[loss] for loss in PAIR} | {"difference": "CE + DL minus CE"}
    named = titles(frame["dataset"])
    frame = frame.assign(dataset=frame["dataset"].map(named), measure=frame["measure"].map(_MEASURES))
    rows = [
        [str(row[key]) for key in keys]
        + [spread(row[f"{name}_mean"], row[f"{name}_std"], "+" if name == "difference" else "") for name in columns]
        for row in frame.to_dict("records")
    ]
    return table([_KEYS.get(key, key) for key in keys] + list(columns.values()), rows)
