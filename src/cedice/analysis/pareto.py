"""What accuracy costs: foreground Dice of trained networks beside the measured cost of each (`benchmarks/cost.py`)."""

import pandas as pd

from cedice.analysis.pairs import OTHER
from cedice.evaluation.counts import pooled_headline
from cedice.evaluation.runs import Runs

COSTS = {  # column → what it is
    "parameters": "parameters",
    "gflop": "GFLOP a slice",
    "torch_ms": "ms a slice, PyTorch",
    "onnx_ms": "ms a slice, ONNX Runtime",
    "int8_ms": "ms a slice, ONNX Runtime int8",
}
KIND = ["network", "base_channels", "depth", "feature_size"]


def points(runs: list[Runs], measured: pd.DataFrame) -> pd.DataFrame:
    """A row a data set and network that was trained (CE + DL) and measured, of data sets with two or more: `KIND`, Dice and its
    standard deviation over the trainings, `COSTS`, real_time, and for each cost `<cost>_best`, whether no other that costs as
    little has the Dice.

    ``measured``: the table of `benchmarks/cost.py`; a network is known by its options.
    """
    rows: dict[tuple, list[float]] = {}
    for of in runs:
        for (dataset, loss, _), run in of.items():
            built = {"network": "unet"} | run.record["settings"]["network"]
            if loss == OTHER:
                key = (dataset, *(built.get(name, 0) for name in KIND))
                rows.setdefault(key, []).append(pooled_headline(run.counts)["foreground"]["dice"])
    trained = pd.DataFrame([dict(zip(["dataset", *KIND], key, strict=True)) for key in rows])
    trained["dice"], trained["std"] = (
        [pd.Series(values).mean() for values in rows.values()],
        [pd.Series(values).std() for values in rows.values()],
    )
    trained["trainings"] = [len(values) for values in rows.values()]
    both = trained.merge(measured.fillna(dict.fromkeys(KIND, 0)), on=KIND).sort_values(["dataset", "gflop"])
    both = both[both.groupby("dataset")["dataset"].transform("size") > 1].reset_index(drop=True)
    for cost in COSTS:
        best = [
            pd.notna(row[cost]) and not ((of["dice"] > row["dice"]) & (of[cost] <= row[cost])).any()
            for row in both.to_dict("records")
            for of in [both[both["dataset"] == row["dataset"]]]
        ]
        both[f"{cost}_best"] = best
    return both
