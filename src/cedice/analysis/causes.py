"""Why does the Dice term's gain differ? The two experiments that docs/method.md planned before any of their trainings ran.

A training's place in them is read from its settings: what the sums of its Dice term are over (for α = 0 nothing: "ce"), whether
its slices were augmented, and from how many patients it learnt (all, where its parameters name no number).

A contrast is one number of every seed and patient, a sum of cells with weights, and is tested as the verdict is
(`cedice.analysis.statistics.paired`): (batch − sample) with augmentation minus the same without has the weights +1, −1, −1, +1;
a slope over x = log₂ of the number of patients has (x − x̄) / Σ (x − x̄)², by least squares.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from cedice.analysis import decision
from cedice.analysis.beyond import false_positives, volume_bias
from cedice.analysis.statistics import limits, paired
from cedice.analysis.verdict import border
from cedice.evaluation import record
from cedice.evaluation.counts import regions, structures
from cedice.evaluation.runs import Run, load
from cedice.evaluation.thresholds import of_bins, scores

MEASURES = {  # of a patient
    "half": "Dice at 0.5",
    "own": "Dice at own threshold",
    "false_marks": "false marks per 100 slices without",
    "missed": "missed per 100 slices with",
    "border": "surface Dice",
    "volume": "volume bias, ml",
}
TABLES = ("calibration", "thresholds", "surfaces", "volumes")  # as far as they are kept
TERMS = ("ce", "sample", "batch")
_ALONG = TERMS[:2]  # that the second experiment has
SEEDS = 5  # of each cell
SIZES = (2, 5, 10, 25, 50, 100, 208)
COST, SAME, SAME_SLOPE = 0.0025, 0.005, 0.001  # half the cost; the margins of the interaction and of the gain's slope
_MARGIN = 0.01  # of contrasts for which the plan names none, that of the verdict


class Cell(NamedTuple):
    """What was varied; ``patients`` is None for all of them at the study's own length."""

    term: str
    augmented: bool
    patients: int | None


Key = tuple[str, str, int]  # of a training: data set, loss, seed
Cells = dict[Cell, dict[int, pd.DataFrame]]  # by seed: a row a patient, the columns of `MEASURES`
Weights = Mapping[Cell, Mapping[str, float]]  # of a contrast, by cell and measure


def cells(folders: list[Path], dataset: str, readout: str) -> Cells:
    """The trainings of one network in a record, the first folder, and in kept experiments: those of the record's network, α and
    rates; of its length, or with ``train.patients``."""
    found: Cells = {}
    for folder, runs in _trainings(folders, dataset, readout):
        tables = {name: _table(folder, dataset, name, readout) for name in TABLES}
        for (cell, key), run in runs.items():
            measured = _measured(run.counts, {name: of.get(key) for name, of in tables.items()})
            measured.attrs["trained"] = f"{run.record['device']}, {run.record['settings']['precision']}"
            found.setdefault(cell, {})[key[2]] = measured
    return found


def along(folders: list[Path], dataset: str, readout: str) -> pd.DataFrame:
    """Of the trainings with ``train.patients`` a row a number of patients and of steps: patients, steps, seeds, then the pooled
    foreground Dice of CE and of the Dice term over the sample ("ce", "sample"), means of the seeds that both have. The rate
    falls over the whole training, so a row within is a training on its way, not one that ended there."""
    rows = [
        {"patients": cell.patients, "steps": epoch * run.record["settings"]["steps"], "seed": key[2], cell.term: dice}
        for _, runs in _trainings(folders, dataset, readout)
        for (cell, key), run in runs.items()
        if cell.patients is not None and run.record["settings"]["steps"]
        for epoch, dice in zip(run.history["epoch"], run.history["dice_foreground"], strict=True)
    ]
    table = pd.DataFrame(rows, columns=["patients", "steps", "seed", *_ALONG])
    both = table.groupby(["patients", "steps", "seed"])[[*_ALONG]].first().dropna().reset_index("seed")
    means = both.groupby(["patients", "steps"]).agg(seeds=("seed", "size"), **{term: (term, "mean") for term in _ALONG})
    return means.reset_index()


def _trainings(folders: list[Path], dataset: str, readout: str) -> Iterator[tuple[Path, dict[tuple[Cell, Key], Run]]]:
    """The folders and those of their trainings that are in a cell."""
    known = [row["settings"] for row in record.runs(folders[0], dataset)]
    lengths, alphas = ({settings[name] for settings in known} for name in ("epochs", "alpha"))
    for folder in (folder for folder in folders if dataset in record.datasets(folder)):
        runs = {}
        for key, run in load(folder, [dataset]).get(readout, {}).items():
            settings = run.record["settings"]
            patients = settings.get("patients")
            alike = all(settings[name] == known[0][name] for name in ("network", "learning_rate", "schedule", "batch_size"))
            if alike and settings["alpha"] in alphas and (patients is not None or settings["epochs"] in lengths):
                term = settings["dice"] if settings["alpha"] else "ce"
                runs[Cell(term, settings["augmentation"] is not None, patients), key] = run
        yield folder, runs


def _table(folder: Path, dataset: str, name: str, readout: str) -> record.Tables:
    """A table of one network by training; none where the folder lacks it."""
    if not record.has(folder, name, dataset):
        return {}
    return record.by_network(record.load(folder, name, [dataset])).get(readout, {})


def _measured(counts: pd.DataFrame, tables: dict[str, pd.DataFrame | None]) -> pd.DataFrame:
    places = structures(counts).assign(patient=counts["patient"])
    found = {
        "half": regions(counts)["dice"],
        "false_marks": 100 * false_positives(counts),
        "missed": 100 * (~places["marked"])[places["there"]].groupby(places["patient"]).mean(),
    }
    bins, by_threshold, surfaces, volumes = (tables[name] for name in TABLES)
    if by_threshold is None and bins is not None:
        by_threshold = of_bins(bins)
    if by_threshold is not None:
        found["own"] = decision.patients(scores(by_threshold))["own"]
    if surfaces is not None:
        found["border"] = border(counts, surfaces)
    if volumes is not None:
        found["volume"] = volume_bias(volumes).mean(axis=1)
    return pd.DataFrame(found, pd.Index(counts["patient"].unique(), name="patient"), list(MEASURES), float)


def levels(found: Cells) -> pd.DataFrame:
    """A row a cell: term, augmented, patients, trainings, the mean of `MEASURES` over patients and seeds, and `trained`, by
    which device in which precision."""
    rows = []
    for cell, by_seed in sorted(found.items(), key=_order):
        means = pd.DataFrame([table.mean() for table in by_seed.values()]).mean().to_dict()
        trained = "; ".join(sorted({table.attrs.get("trained", "") for table in by_seed.values()}))
        rows.append(cell._asdict() | {"trainings": len(by_seed)} | means | {"trained": trained})
    return pd.DataFrame(rows)


def _order(item: tuple[Cell, Any]) -> tuple:
    cell = item[0]
    return cell.patients is not None, cell.augmented, cell.patients or 0, TERMS.index(cell.term)


def contrast(found: Cells, weights: Weights, margin: float = _MARGIN) -> dict[str, float] | None:
    """The fields of `statistics.Paired` for the weighted sum, and `low_90`, `high_90`; of the seeds that all cells have. None
    where a cell is lacking, or fewer than two seeds are in all, or a measure has no value."""
    if not weights.keys() <= found.keys():
        return None
    seeds = sorted(set.intersection(*(set(found[cell]) for cell in weights)))
    if len(seeds) < 2:
        return None
    sums = [
        sum(weight * found[cell][seed][measure] for cell, of in weights.items() for measure, weight in of.items())
        for seed in seeds
    ]
    table = pd.DataFrame(sums).dropna(axis=1)
    if table.shape[1] < 2:
        return None
    result = paired(table.to_numpy(), margin)
    low, high = limits(result.mean, result.error, result.freedom, 0.1)
    return asdict(result) | {"low_90": low, "high_90": high}


def minus(one: Cell, other: Cell, measure: str) -> dict[Cell, dict[str, float]]:
    """One cell minus another."""
    return {one: {measure: 1.0}, other: {measure: -1.0}}


def two_by_two(found: Cells) -> pd.DataFrame:
    """A row a contrast and measure of experiment A: contrast, measure, then as `contrast`. Gains over the sample and over the
    batch and their difference, without and with augmentation, and the interaction."""
    off, on = ({term: Cell(term, augmented, None) for term in TERMS} for augmented in (False, True))
    rows = []
    for measure in MEASURES:
        asked: dict[str, Weights] = {}
        for told, of in (("", off), (", augmented", on)):
            asked |= {f"{term} − CE{told}": minus(of[term], of["ce"], measure) for term in ("sample", "batch")}
            asked[f"batch − sample{told}"] = minus(of["batch"], of["sample"], measure)
        asked["interaction"] = minus(on["batch"], on["sample"], measure) | minus(off["sample"], off["batch"], measure)
        for name, weights in asked.items():
            margin = SAME if name == "interaction" and measure in ("half", "own") else _MARGIN
            if result := contrast(found, weights, margin):
                rows.append({"contrast": name, "measure": measure} | result)
    return pd.DataFrame(rows)


def by_size(found: Cells) -> pd.DataFrame:
    """A row a number of patients and measure of experiment B, and one a slope: patients (0 for the slope, there only where all
    `SIZES` are), measure, `contrast`. Measures: gain_half and gain_own, CE + DL minus CE; threshold, CE at its own minus CE at
    0.5."""
    ce, term = ({size: Cell(name, False, size) for size in SIZES} for name in ("ce", "sample"))

    def weights(measure: str, size: int) -> dict[Cell, dict[str, float]]:
        if measure == "threshold":
            return {ce[size]: {"own": 1.0, "half": -1.0}}
        return {term[size]: {measure[5:]: 1.0}, ce[size]: {measure[5:]: -1.0}}

    along = np.log2(SIZES) - np.log2(SIZES).mean()
    slopes = dict(zip(SIZES, along / (along**2).sum(), strict=True))
    rows = []
    for measure in ("gain_half", "threshold", "gain_own"):
        one = {size: weights(measure, size) for size in SIZES}
        slope = {
            cell: {name: weight * slopes[size] for name, weight in of.items()}
            for size in SIZES
            for cell, of in one[size].items()
        }
        for size, asked, margin in (*((size, one[size], _MARGIN) for size in SIZES), (0, slope, SAME_SLOPE)):
            if result := contrast(found, asked, margin):
                rows.append({"patients": size, "measure": measure} | result)
    return pd.DataFrame(rows)
