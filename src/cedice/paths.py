"""Where everything lies, relative to the project's root: the same names as in `dvc.yaml`, which a test compares."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

READOUTS = ("last", "averaged")  # networks that a training gives: after its last epoch, and averaged (training/averaging.py)


class Training(NamedTuple):
    """The name of one training."""

    study: str
    dataset: str
    loss: str
    seed: int

    @property
    def key(self) -> tuple[str, str, int]:
        """(data set, loss, seed): its name within its study."""
        return self[1:]

    def __str__(self) -> str:
        return f"{self.study} {self.dataset} {self.loss} seed {self.seed}"


def raw(study: str, dataset: str) -> Path:
    """Folder of a data set's files in their canonical layout."""
    return Path("data") / study / "raw" / dataset


def slices(study: str, dataset: str) -> tuple[Path, Path]:
    """The arrays and the index table of `cedice.data.slices`."""
    folder = Path("data") / study / "slices"
    return folder / f"{dataset}.npz", folder / f"{dataset}.csv"


def predictions(training: Training, readout: str) -> Path:
    """Predicted label maps of the validation slices (`cedice.evaluation.evaluate`)."""
    return _of(Path("data") / training.study / "predictions", training, ".npz", readout)


def weights(training: Training) -> Path:
    """Both networks (`cedice.training.weights`)."""
    return _of(Path("models") / training.study, training, ".safetensors")


def reports(study: str) -> Path:
    """Folder of the small results that people read."""
    return Path("reports") / study


def source(study: str, dataset: str) -> Path:
    """What `download` obtained, and its hash."""
    return reports(study) / "data" / f"{dataset}-source.json"


def slices_record(study: str, dataset: str) -> Path:
    """Counts of the slices, and the data set's classes in their order with their shares."""
    return reports(study) / "data" / f"{dataset}-slices.json"


def history(training: Training) -> Path:
    """One row per epoch (`cedice.training.loop.train`)."""
    return _of(reports(training.study) / "history", training, ".csv")


def run_record(training: Training) -> Path:
    """Device, versions, wall time, revision and data of a training."""
    return _of(reports(training.study) / "runs", training, ".json")


def epochs(training: Training) -> Path:
    """TP, FP, FN per validation slice and class of the last epochs, both networks (`cedice.training.epochs`)."""
    return _of(reports(training.study) / "epochs", training, ".csv.gz")


def counts(training: Training, readout: str) -> Path:
    """TP, FP, FN, TN per validation slice and class (`cedice.evaluation.evaluate`)."""
    return _of(reports(training.study) / "counts", training, ".csv", readout)


def counted(study: str, datasets: Iterable[str], root: Path = Path()) -> tuple[str, ...]:
    """Those of a study's data sets that have counts in the project at ``root``; where none has, all."""
    names = tuple(datasets)
    return tuple(name for name in names if any((root / reports(study) / "counts" / name).glob("*.csv"))) or names


def surfaces(training: Training, readout: str) -> Path:
    """Border distances per validation slice and class (`cedice.evaluation.boundaries`)."""
    return _of(reports(training.study) / "surfaces", training, ".csv", readout)


def targets(training: Training, readout: str) -> Path:
    """What becomes of every connected true region (`cedice.evaluation.targets`)."""
    return _of(reports(training.study) / "targets", training, ".csv", readout)


def errors(training: Training, readout: str) -> Path:
    """Wrong pixels by distance to the true border (`cedice.evaluation.boundaries.error_profile`)."""
    return _of(reports(training.study) / "errors", training, ".csv", readout)


def volumes(training: Training, readout: str) -> Path:
    """Size and borders of every volume's classes (`cedice.evaluation.volumes`)."""
    return _of(reports(training.study) / "volumes", training, ".csv", readout)


def calibration(training: Training, readout: str) -> Path:
    """How far the probabilities can be trusted, patient by patient (`cedice.evaluation.calibration`)."""
    return _of(reports(training.study) / "calibration", training, ".csv", readout)


def mixture(study: str, dataset: str, naming: str) -> Path:
    """Folder of a mixture's counts, choice and samples (`stages/mixture.py`)."""
    return reports(study) / "mixture" / dataset / naming


def figures(study: str) -> Path:
    """Folder of Figure 1, and of those from 4 on."""
    return reports(study) / "figures"


def samples(study: str) -> Path:
    """Folder of Figures 2 and 3."""
    return reports(study) / "samples"


def experiments(study: str) -> Path:
    """Folder of the kept DVC experiments (`cedice.analysis.experiments`)."""
    return reports(study) / "experiments"


def _of(folder: Path, training: Training, suffix: str, readout: str = "last") -> Path:
    """The last epoch's files bear the training's name alone."""
    name = f"{training.loss}-seed{training.seed}" + ("" if readout == "last" else f"-{readout}")
    return folder / training.dataset / f"{name}{suffix}"
