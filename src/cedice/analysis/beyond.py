"""What experts ask and the paper does not, patient by patient: calibration, volumes, false positives, borders in space.

Each question has the sign that theory predicts for CE + DL minus CE: + for a Dice term that raises the number.
  ece, mce, brier       calibration of a patient's images together (`cedice.evaluation.calibration`), and the mean over the
  ece_image, mce_image  images; + : a Dice term makes networks over-confident (Mehrtash et al., IEEE TMI 39:3868–3878, 2020).
                        Where units are slices both are one number, and stand once
  volume_1, …           predicted minus true volume of a class in ml, mean over a patient's volumes; + : the best Dice is
                        reached by marking pixels less probable than one half (Bertels et al., Med. Image Anal. 67:101833, 2021)
  false_positives       share of the slices without a class on which it is marked, all classes together: what the verdict's
                        borders leave out; + : the Dice term is 1 there whatever is marked, and has no gradient
                        (Tilborghs et al., arXiv 2207.09521)
  ejection_fraction     |predicted − true| in percentage points, of the left ventricle; − : the paper's claim
  late                  foreground Dice, mean over the last tenth of the epochs (`cedice.analysis.noise.window`), a family of
                        its own; + : the paper's claim
  surface_dice, hd95    of volumes, at 2 mm and in mm (`cedice.evaluation.volumes`), mean over a patient's volumes and classes;
                        + and − : the paper's claim.
The ejection fraction is 1 − (volume at end systole) / (volume at end diastole); of a patient's two frames the one with the
larger true volume is end diastole.
"""

import math
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
import pandas as pd

from cedice.analysis.compared import compare, corrected, levels
from cedice.analysis.together import together
from cedice.evaluation import calibration
from cedice.evaluation.counts import structures

VENTRICLE = "left ventricle"
_QUESTIONS = {  # measure → (what theory says the Dice term does, the sign of CE + DL minus CE)
    "ece": ("raises the expected calibration error", 1),
    "mce": ("raises the maximum calibration error", 1),
    "brier": ("raises the Brier score", 1),
    "ece_image": ("raises the expected calibration error of single images", 1),
    "mce_image": ("raises the maximum calibration error of single images", 1),
    "false_positives": ("marks more slices without the structure", 1),
    "ejection_fraction": ("lowers the error of the ejection fraction (points)", -1),
    "late": ("raises Dice, mean over the last tenth of the epochs", 1),
    "surface_dice": ("raises the surface Dice of volumes at 2 mm", 1),
    "hd95": ("lowers the HD95 of volumes (mm)", -1),
}


@dataclass(frozen=True)
class Asked:
    """The tables of a training: counts, volumes and bins of calibration, and of its last epochs `noise.readings` of the same
    network; None for what the study does not have."""

    counts: pd.DataFrame
    volumes: pd.DataFrame | None
    bins: pd.DataFrame | None
    late: pd.DataFrame | None


def judge(
    study: dict[tuple[str, str, int], Asked], classes: dict[str, tuple[str, ...]], units: dict[str, str], folds: dict[str, int]
) -> pd.DataFrame:
    """One row per data set and question that is measured there: the columns of `verdict.judge`, all of one family but `late`;
    there is no margin, and no difference of the paper's. By data set: names of the ``classes``, ``units`` and ``folds`` as
    there."""
    rows, signs = [], {}
    for dataset, names in classes.items():
        asked = {key[1:]: tables for key, tables in study.items() if key[0] == dataset}
        tables = together(partial(patients, classes=names), asked)
        one_image = {"ece_image", "mce_image"} if units[dataset] == "slice" else set()
        for measure, (statement, sign) in questions(names).items():
            if measure in one_image:
                continue
            result = compare(tables, measure, math.nan, folds[dataset])
            if math.isnan(result.mean):
                continue
            signs[measure] = sign
            keys = {"dataset": dataset, "measure": measure, "statement": statement, "unit": units[dataset]}
            family = "late" if measure == "late" else "beyond"
            given = {"paper": math.nan, "family": family, "margin": math.nan, "sign": sign}
            rows.append(keys | given | levels(tables, measure, folds[dataset]) | asdict(result))
    return corrected(pd.DataFrame(rows), signs) if rows else pd.DataFrame()


def questions(classes: tuple[str, ...]) -> dict[str, tuple[str, int]]:
    """{measure: (statement, predicted sign)} of a data set with these class names, the background first."""
    sizes = {f"volume_{label}": (f"enlarges the {classes[label]} (ml)", 1) for label in range(1, len(classes))}
    return _QUESTIONS | sizes


def patients(asked: Asked, classes: tuple[str, ...]) -> pd.DataFrame:
    """One row per patient, the columns of `questions`; NaN where a patient, or the study, has no such value."""
    counts, volumes, bins = asked.counts, asked.volumes, asked.bins
    found = {"false_positives": false_positives(counts)}
    if asked.late is not None:
        found["late"] = asked.late.groupby("patient")["dice"].mean(skipna=False)
    if bins is not None:
        found |= dict(calibration.patients(bins))
    if volumes is not None:
        found |= dict(volumes.groupby("patient")[["surface_dice", "hd95"]].mean())
        found |= dict(volume_bias(volumes).add_prefix("volume_"))
        if VENTRICLE in classes:
            fractions = ejection_fractions(volumes[volumes["class"] == classes.index(VENTRICLE)])
            found["ejection_fraction"] = 100 * abs(fractions["predicted"] - fractions["truth"])
    names = pd.Index(counts["patient"].unique(), name="patient")
    return pd.DataFrame(found, names, list(questions(classes)), float)


def false_positives(counts: pd.DataFrame) -> pd.Series:
    """By patient, the measure of that name."""
    places = structures(counts).assign(patient=counts["patient"])
    return places[~places["there"]].groupby("patient")["marked"].mean()


def volume_bias(volumes: pd.DataFrame) -> pd.DataFrame:
    """Predicted minus true volume in ml, a row a patient and a column a class; mean over the patient's volumes."""
    bias = (volumes["predicted"] - volumes["truth"]) * volumes["voxel_ml"]
    return bias.groupby([volumes["patient"], volumes["class"]]).mean().unstack()


def ejection_fractions(ventricle: pd.DataFrame) -> pd.DataFrame:
    """truth and predicted, as fractions, of each patient with two frames, from the ventricle's rows of the volumes' table; NaN
    where a map shows no ventricle at end diastole."""
    two = ventricle[ventricle.groupby("patient")["volume"].transform("count") == 2].sort_values(["patient", "truth"])
    systole, diastole = (two.iloc[start::2].set_index("patient")[["truth", "predicted"]] for start in (0, 1))
    return 1 - systole / diastole.where(diastole > 0, np.nan)
