"""The paper's Table 1 as printed (validation set, one run a row, averaging rule unstated), and the words for its terms."""

from collections.abc import Iterable

PAIR = ("ce", "ce_dl")  # the losses whose difference is the question; a study may train more
METRIC_TITLES = {"dice": "Dice", "iou": "IoU", "pixel_error": "Pixel error"}
LOSS_TITLES = {"ce": "CE", "ce_dl": "CE + DL"}
CONVENTION_TITLES = {"with_background": "including background", "foreground": "foreground only"}
READOUT_TITLES = {"last": "last epoch", "averaged": "averaged"}  # of the networks that are read from a training
NETWORK_TITLES = {"unet": "U-Net", "attention_unet": "attention U-Net", "swin_unetr": "Swin UNETR"}
NAMING_TITLES = {"labels": "named by labels", "rule": "named by a rule"}  # of the components of a mixture
LOSS_COLOURS = {"ce": "#4477AA", "ce_dl": "#CC3311"}  # told apart by every kind of colour vision, and in grey
LOSS_LINES = {"ce": "--", "ce_dl": "-"}
DICE_ALONE = 1e6  # CE's share of the gradient is then about 10⁻⁶, and Adam does not mind the scale of a loss
_DATASET_TITLES = {"covid19": "COVID-19", "acdc": "ACDC"}  # in the paper's order
TABLE_1 = {
    "covid19": {
        "ce": {"dice": 0.9497, "iou": 0.9111, "pixel_error": 0.0176},
        "ce_dl": {"dice": 0.9527, "iou": 0.9169, "pixel_error": 0.0163},
    },
    "acdc": {
        "ce": {"dice": 0.9090, "iou": 0.8420, "pixel_error": 0.0069},
        "ce_dl": {"dice": 0.9213, "iou": 0.8608, "pixel_error": 0.0060},
    },
}


# The average that these numbers fit best (`cedice.analysis.conventions`, study `small`). On COVID-19 no average fits clearly
# better than the others, and none with the background fits: undetermined.
AVERAGES = {"covid19": "foreground", "acdc": "with_background"}
UNDETERMINED = ("covid19",)


def difference(dataset: str, metric: str) -> float | None:
    """CE + DL minus CE in Table 1, as printed; None where the paper has no such number."""
    rows = TABLE_1.get(dataset)
    return rows["ce_dl"][metric] - rows["ce"][metric] if rows and metric in rows["ce"] else None


def foreground_difference(dataset: str, metric: str, classes: int) -> float | None:
    """`difference` in the average over the foreground: where Table 1 is a mean over all ``classes``, a change of which the
    background has no part is classes / (classes − 1) times as large there. Pixel error is the same in both."""
    printed = difference(dataset, metric)
    if printed is None or metric == "pixel_error" or AVERAGES[dataset] == "foreground":
        return printed
    return printed * classes / (classes - 1)


def titles(datasets: Iterable[str]) -> dict[str, str]:
    """{data set: its title}: the paper's first, in its order, then the others under their own names."""
    names = list(dict.fromkeys(datasets))
    others = {name: name for name in names if name not in _DATASET_TITLES}
    return {name: title for name, title in _DATASET_TITLES.items() if name in names} | others


def alpha_title(alpha: float) -> str:
    """ "0.25", or "Dice alone"."""
    return "Dice alone" if alpha >= DICE_ALONE else f"{alpha:g}"


def figure_numbers(datasets: Iterable[str]) -> dict[str, dict[str, int]]:
    """{data set: {measure: the figure that shows it}}: from 4 on the curves of each, then one of borders, one of sizes."""
    first = 4
    names = list(titles(datasets))
    borders = first + len(names)
    return {
        name: {"dice": own, "iou": own, "pixel_error": own, "border": borders, "small_targets": borders + 1}
        for own, name in enumerate(names, start=first)
    }
