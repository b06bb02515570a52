"""Where everything lies, relative to the project's root: the same names as in `dvc.yaml`, which a test compares."""

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


def source(study: str, dataset: str) -> Path:
    """What `download` obtained, and its hash."""
    return Path("data") / study / "raw" / f"{dataset}.json"


def slices(study: str, dataset: str) -> tuple[Path, Path]:
    """The arrays and the index table of `cedice.data.slices`."""
    folder = Path("data") / study / "slices"
    return folder / f"{dataset}.npz", folder / f"{dataset}.csv"


def summary(study: str, dataset: str) -> Path:
    """Counts of the slices, and the data set's classes in their order with their shares (`cedice.data.preprocess.summary`)."""
    return Path("data") / study / "slices" / f"{dataset}.json"


def trained(training: Training) -> Path:
    """Folder of what `train` writes: weights.safetensors, history.csv, epochs.csv.gz, run.json."""
    return Path("models") / training.study / training.dataset / f"{training.loss}-seed{training.seed}"


def weights(training: Training) -> Path:
    """Both networks (`cedice.training.weights`)."""
    return trained(training) / "weights.safetensors"


def evaluated(training: Training) -> Path:
    """Folder of what `evaluate` writes: the tables of `cedice.evaluation.record.MEASURED`, and the label maps."""
    return Path("data") / training.study / "evaluation" / training.dataset / f"{training.loss}-seed{training.seed}"


def labels(training: Training, readout: str) -> Path:
    """Predicted label maps of the validation slices (`cedice.evaluation.evaluate`)."""
    return evaluated(training) / f"labels-{readout}.npz"


def reports(study: str) -> Path:
    """Folder of the small results that people read."""
    return Path("reports") / study


def record(study: str) -> Path:
    """Folder of what the study's trainings left, a folder a data set (`cedice.evaluation.record`)."""
    return reports(study) / "record"


def mixture(study: str, dataset: str, naming: str) -> Path:
    """Folder of a mixture's counts, choice and samples (`stages/mixture.py`)."""
    return record(study) / "mixtures" / dataset / naming


def tables(study: str) -> Path:
    """The numbers of a study, as CSV and as Markdown."""
    return reports(study) / "tables"


def figure1(study: str) -> Path:
    """The network, drawn."""
    return reports(study) / "figure1.png"


def figures(study: str) -> Path:
    """Folder of the figures from 4 on."""
    return reports(study) / "figures"


def samples(study: str) -> Path:
    """Folder of Figures 2 and 3."""
    return reports(study) / "samples"


def experiments(study: str) -> Path:
    """Folder of the kept DVC experiments (`cedice.analysis.experiments`)."""
    return reports(study) / "experiments"
