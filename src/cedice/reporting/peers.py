"""Ours beside published numbers, in the same averages."""

import pandas as pd

from cedice.paper import LOSS_TITLES, PAIR, titles
from cedice.reporting.markdown import counted, spread, table, wrapped

_AVERAGES = {  # average → its words
    "volumes": "Dice per volume and class",
    "one_label": "Dice per volume, all classes as one",
    "thresholds": "Dice per slice, mean over thresholds",
    "best": "Dice per slice, best threshold",
    "adaptive": "Dice per slice, adaptive threshold",
}
_PUBLISHED = {
    ("acdc", "volumes"): "nnU-Net, 3-D: 0.9154",
    ("hippocampus", "volumes"): "nnU-Net, of one label: 2-D 0.882, 3-D 0.897",
    ("covid19", "thresholds"): "Semi-Inf-Net 0.739, Inf-Net 0.682, U-Net 0.439",
    ("covid19", "adaptive"): "Semi-Inf-Net 0.764, Inf-Net 0.727, U-Net 0.532",
}
_ABOUT = {
    "acdc": """ACDC: 0.9154 is nnU-Net's (Isensee et al., Nat. Methods 18:203–211, 2021) in five folds of the same patients, as
its authors give it in "nnU-Net Revisited" (MICCAI 2024).""",
    "hippocampus": """Hippocampus: nnU-Net's are of one label of 110 held-out volumes, so not of the same patients.""",
    "covid19": """COVID-19: the official split; theirs (Fan et al., IEEE TMI 39:2626–2637, 2020) are at 256 thresholds on the
slices' own pixels, ours at 0, 0.05, … 1 on the grid, which makes the mean over thresholds too low by about 0.02; adaptive is
twice the slice's mean probability.""",
}
_OURS = """Of the network on which the verdict rests. A class that prediction and truth of a volume both lack is left out; the
mean is over volumes, then over classes. ± is the standard deviation over repeats of all folds, or over seeds without folds. No
test stands behind a comparison with a published number."""


def peers(found: pd.DataFrame) -> list[str]:
    """The lines of a section; ``found``: `analysis.peers.table`. No lines without rows."""
    if found.empty:
        return []
    named, rows = titles(found["dataset"]), []
    for dataset, name in named.items():
        for average, words in _AVERAGES.items():
            of = found[(found["dataset"] == dataset) & (found["average"] == average)].set_index("loss")
            if len(of):
                thing = "volume" if average in ("volumes", "one_label") else "slice"
                ours = [spread(of.loc[loss, "mean"], of.loc[loss, "std"]) for loss in PAIR]
                rows.append([name, words, *ours, counted(of["units"].iloc[0], thing), _PUBLISHED.get((dataset, average), "–")])
    about = " ".join([_OURS, *(_ABOUT[dataset] for dataset in named if dataset in _ABOUT)])
    heads = ["data", "average", *(LOSS_TITLES[loss] for loss in PAIR), "n", "published"]
    return ["", "## Beside published numbers", "", wrapped(about), "", *table(heads, rows)]
