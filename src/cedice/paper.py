"""Table 1 of the paper, as printed: validation set, one run a row, averaging rule unstated."""

from collections.abc import Iterable

_TITLES = {"covid19": "COVID-19", "acdc": "ACDC"}  # in the paper's order
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


def titles(datasets: Iterable[str]) -> dict[str, str]:
    """{data set: what people are shown}: the paper's first, in its order, then the others under their own names."""
    names = list(dict.fromkeys(datasets))
    others = {name: name for name in names if name not in _TITLES}
    return {name: title for name, title in _TITLES.items() if name in names} | others
