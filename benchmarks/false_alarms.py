"""How often a difference is called where there is none, and where there is one: by each test that decides, and by units alone.

`python benchmarks/false_alarms.py` draws differences of mean 0 with the variance components that the foreground Dice of the
averaged networks has in study `small`: of trainings, of units (patients or slices), and of the rest. It prints the share of
draws that each rule calls at a level of 5 %, and the test that decides also at 0.5 %. "By units alone": Wilcoxon's p below
5 %, the bootstrap interval without 0, and all seeds of one sign.

Then the same differences where slices come in patients that the test does not know: 48 slices of 20, of which those of one
patient correlate by 0.6 in what units and the rest add; by the test that decides, and with `statistics.clustered_error`.

Then few trainings or units: how often each verdict would be called without the rule of `analysis.compared` on too few, which
makes "too few to tell" of what is not called different; and how often a difference as large as the margin would be called none
that matters, where all units have it and where few do.

Then five folds of 20 patients: how often `analysis.nested` calls a difference where there is none, and Student's t over the
patients of all folds, which is no test; and how often it finds a difference, or that there is none that matters.
"""

import itertools

import numpy as np
from scipy import stats

from cedice import params, paths
from cedice.analysis.compared import TRAININGS, UNITS
from cedice.analysis.nested import over_folds
from cedice.analysis.pairs import minus
from cedice.analysis.statistics import ALIKE, LEVEL, clustered_error, components, p_values, paired
from cedice.analysis.statistics import crossed as error_of
from cedice.evaluation import counts, runs

DRAWS, DRAWS_OF_FOLDS = 2000, 20_000
MARGIN = 0.01
SLICES, PATIENTS = 48, 20  # of COVID-19; the second is an assumption
FIVE = (20, 20, 20, 20, 20)
SIZES = (  # standard deviations of folds, trainings and patients; patients of each fold
    (0.0, 0.0, 0.02, FIVE),
    (0.0, 0.005, 0.02, FIVE),
    (0.0, 0.015, 0.03, FIVE),
    (0.005, 0.005, 0.02, FIVE),
    (0.0, 0.002, 0.002, FIVE),
    (0.0, 0.015, 0.01, FIVE),
    (0.0, 0.005, 0.02, (4, 10, 20, 30, 36)),
)
RARE = 7  # one unit in so many has a difference
FEW = ((2, 5), (2, 10), (2, 20), (3, 5), (3, 10), (3, 20), (5, 5), (5, 10), (5, 20))  # trainings a loss, and units
POWERS = {  # (of trainings, of patients): what was seen of differences of 0.0123, 0.0164 and 0 with 5 and with 10 trainings
    (0.002, 0.01): "1.00 1.00 1.00   1.00 1.00 1.00",
    (0.005, 0.02): "0.86 0.98 0.73   0.97 1.00 0.93",
    (0.010, 0.02): "0.48 0.71 0.22   0.73 0.92 0.52",
    (0.015, 0.03): "0.26 0.40 0.05   0.42 0.63 0.16",
}


def main() -> None:
    crossed()
    unknown_patients()
    few()
    size_of_nested()
    power_of_nested()


def crossed() -> None:
    study = params.load().small
    print(f"{'components of':14} {'seeds':>5} {'by units alone':>15} {'by the test that decides':>25} {'at 0.5 %':>9}")
    for dataset in study.epochs:
        spreads, units = measured(dataset, study.seeds_of(dataset))
        for seeds in (3, 5, 10):
            random, alone, decided, strictly = np.random.default_rng(0), 0, 0, 0
            for _ in range(DRAWS):
                shapes = (seeds, 1), (1, units), (seeds, units)
                draw = sum(random.normal(0, spread, shape) for spread, shape in zip(spreads, shapes, strict=True))
                result = paired(draw, margin=0)
                away = not result.boot_low <= 0 <= result.boot_high
                alone += result.p_units < LEVEL and away and result.agreeing == seeds
                decided += result.p < LEVEL
                strictly += result.p < LEVEL / 10
            shares = f"{alone / DRAWS:15.1%} {decided / DRAWS:25.1%} {strictly / DRAWS:9.1%}"
            print(f"{dataset:14} {seeds:5} {shares}", flush=True)


def measured(dataset: str, seeds: list[int]) -> tuple[tuple[float, float, float], int]:
    """The components in the differences of foreground Dice, as standard deviations, and the number of units."""
    trained = runs.load(paths.record("small"), [dataset])["averaged"]
    differences = minus({key[1:]: counts.regions(run.counts)["dice"] for key, run in trained.items()}, seeds)
    return components(differences), differences.shape[1]


def unknown_patients() -> None:
    """Sizes at 5 % with the components of COVID-19, and with next to none of trainings, where slices alone are a sample."""
    (of_trainings, of_units, of_rest), _ = measured("covid19", params.load().small.seeds_of("covid19"))
    patients = np.arange(SLICES) * PATIENTS // SLICES
    print(f"\n{'sd of trainings, slices, rest':30} {'seeds':>5} {'by slices':>10} {'clustered_error':>16}")
    for spreads in ((of_trainings, of_units, of_rest), (0.0, of_units, of_rest)):
        for seeds in (3, 5, 10):
            random, plain, wider = np.random.default_rng(0), 0, 0
            for _ in range(DRAWS):
                draw = random.normal(0, spreads[0], (seeds, 1))
                for spread, rows in zip(spreads[1:], (1, seeds), strict=True):
                    shared = random.normal(0, spread * np.sqrt(ALIKE), (rows, PATIENTS))[:, patients]
                    draw = draw + shared + random.normal(0, spread * np.sqrt(1 - ALIKE), (rows, SLICES))
                found = float(draw.mean()), *error_of(draw)
                plain += p_values(*found, 0)[0] < LEVEL
                wider += p_values(found[0], *clustered_error(*found[1:], SLICES), 0)[0] < LEVEL
            name = ", ".join(f"{spread:.3f}" for spread in spreads)
            print(f"{name:30} {seeds:5} {plain / DRAWS:10.1%} {wider / DRAWS:16.1%}", flush=True)


def few() -> None:
    """With the components of ACDC's Dice, and with a fifth of them, so that few units lie together if none is a rare one."""
    measured_, _ = measured("acdc", params.load().small.seeds_of("acdc"))
    print(f"\nWithout the rule on too few: verdicts where there is no difference, and how often one of {MARGIN} is called none")
    print(f"that matters, where all units have it, and where one unit in {RARE} has all of it")
    print(f"{'sd of trainings, units, rest':28} trainings units  different  equal   open   0.01: of all  of one in {RARE}")
    for spreads, (trainings, units) in itertools.product((measured_, np.divide(measured_, 5)), FEW):
        random, shapes = np.random.default_rng(0), ((trainings, 1), (1, units), (trainings, units))
        told: dict[str, list[str]] = {"nothing": [], "all": [], "rare": []}
        for _ in range(DRAWS):
            draw = sum(random.normal(0, spread, shape) for spread, shape in zip(spreads, shapes, strict=True))
            added = {"nothing": 0, "all": MARGIN, "rare": MARGIN * RARE * (random.random(units) < 1 / RARE)}
            for kind, difference in added.items():
                p, p_equal = p_values(float((draw + difference).mean()), *error_of(draw + difference), MARGIN)
                told[kind].append("different" if p < LEVEL else "equal" if p_equal < LEVEL else "open")
        different, equal, open_ = (told["nothing"].count(verdict) / DRAWS for verdict in ("different", "equal", "open"))
        wrong = [told[kind].count("equal") / DRAWS for kind in ("all", "rare")]
        rule = "  too few to tell" if trainings < TRAININGS or units < UNITS else ""
        name = f"{', '.join(f'{spread:.4f}' for spread in spreads):28} {trainings:9} {units:5}"
        print(f"{name} {different:10.1%} {equal:6.1%} {open_:6.1%} {wrong[0]:14.1%} {wrong[1]:12.1%}{rule}", flush=True)


def size_of_nested() -> None:
    print(f"\n{'sd of folds, trainings, patients; patients':46} {'trainings':>9} {'by folds':>9} {'t over patients':>16}")
    for *spreads, units in SIZES:
        for repeats in (1, 2):
            draws = folds(spreads, units, repeats)
            alone = np.concatenate([fold.mean(axis=1) for fold in draws], axis=1)
            t = alone.mean(axis=1) / (alone.std(axis=1, ddof=1) / np.sqrt(sum(units)))
            pooled = np.mean(2 * stats.t.sf(abs(t), sum(units) - 1) < LEVEL)
            found, _ = called(draws, 0)
            name = f"{', '.join(f'{spread:g}' for spread in spreads)}; {' '.join(map(str, units))}"
            print(f"{name:46} {repeats * len(units):9} {found:9.3f} {pooled:16.3f}", flush=True)


def power_of_nested() -> None:
    print("\nPower with 5 and with 10 trainings for a difference of 0.0123 and 0.0164, and for equivalence (margin 0.01) at 0")
    print(f"{'sd of trainings, patients':26} {'drawn':32} seen by other code")
    for spreads, seen in POWERS.items():
        shares = []
        for repeats in (1, 2):
            draws = folds((0, *spreads), FIVE, repeats)
            shares.append([called(draws, 0.0123)[0], called(draws, 0.0164)[0], called(draws, 0)[1]])
        drawn = "   ".join(" ".join(f"{share:.2f}" for share in row) for row in shares)
        print(f"{', '.join(f'{spread:g}' for spread in spreads):26} {drawn:32} {seen}", flush=True)


def folds(spreads: tuple[float, float, float], units: tuple[int, ...], repeats: int) -> list[np.ndarray]:
    """(draws, repeats, patients) of each fold. Half of the variance of patients is theirs in every training, half the rest."""
    random, found = np.random.default_rng(0), []
    of_folds, of_trainings, of_patients = spreads[0], spreads[1], spreads[2] * np.sqrt(0.5)
    for patients in units:
        shapes = (1, 1), (repeats, 1), (1, patients), (repeats, patients)
        sizes = of_folds, of_trainings, of_patients, of_patients
        parts = [random.normal(0, size, (DRAWS_OF_FOLDS, *shape)) for size, shape in zip(sizes, shapes, strict=True)]
        found.append(sum(parts))
    return found


def called(draws: list[np.ndarray], difference: float) -> tuple[float, float]:
    """The shares of draws that are called different, and equal within the margin."""
    means = np.stack([fold.mean(axis=(1, 2)) for fold in draws], axis=1) + difference
    values = np.array([p_values(*over_folds(row), MARGIN) for row in means])
    different, equal = (values < LEVEL).mean(axis=0)
    return float(different), float(equal)


if __name__ == "__main__":
    main()
