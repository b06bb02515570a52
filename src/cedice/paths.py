"""Where everything lies, relative to the project's root: the same names as in `dvc.yaml`, which a test compares."""

from pathlib import Path


def raw(study: str, dataset: str) -> Path:
    """Folder of a data set's files in their canonical layout."""
    return Path("data") / study / "raw" / dataset


def slices(study: str, dataset: str) -> tuple[Path, Path]:
    """The arrays and the index table of `cedice.slices`."""
    folder = Path("data") / study / "slices"
    return folder / f"{dataset}.npz", folder / f"{dataset}.csv"


def predictions(study: str, dataset: str, arm: str, seed: int) -> Path:
    """Predicted label maps of the validation slices (`cedice.evaluation`)."""
    return Path("data") / study / "predictions" / dataset / f"{arm}-seed{seed}.npz"


def weights(study: str, dataset: str, arm: str, seed: int) -> Path:
    """The network after the last epoch."""
    return Path("models") / study / dataset / f"{arm}-seed{seed}.safetensors"


def reports(study: str) -> Path:
    """Folder of everything small that is read by people and kept in Git."""
    return Path("reports") / study


def source(study: str, dataset: str) -> Path:
    """What `download` obtained, and its hash."""
    return reports(study) / "data" / f"{dataset}-source.json"


def slices_summary(study: str, dataset: str) -> Path:
    """Counts and class shares of the slices."""
    return reports(study) / "data" / f"{dataset}-slices.json"


def history(study: str, dataset: str, arm: str, seed: int) -> Path:
    """One row per epoch (`cedice.training.train`)."""
    return reports(study) / "history" / dataset / f"{arm}-seed{seed}.csv"


def run_record(study: str, dataset: str, arm: str, seed: int) -> Path:
    """Device, versions, wall time, revision and data of a training."""
    return reports(study) / "runs" / dataset / f"{arm}-seed{seed}.json"


def counts(study: str, dataset: str, arm: str, seed: int) -> Path:
    """TP, FP, FN, TN per validation slice and class (`cedice.evaluation`)."""
    return reports(study) / "counts" / dataset / f"{arm}-seed{seed}.csv"


def surfaces(study: str, dataset: str, arm: str, seed: int) -> Path:
    """Border distances per validation slice and class (`cedice.boundaries`)."""
    return reports(study) / "surfaces" / dataset / f"{arm}-seed{seed}.csv"


def targets(study: str, dataset: str, arm: str, seed: int) -> Path:
    """What becomes of every connected true region (`cedice.targets`)."""
    return reports(study) / "targets" / dataset / f"{arm}-seed{seed}.csv"


def errors(study: str, dataset: str, arm: str, seed: int) -> Path:
    """Wrong pixels by distance to the true border (`cedice.boundaries.error_profile`)."""
    return reports(study) / "errors" / dataset / f"{arm}-seed{seed}.csv"


def figures(study: str) -> Path:
    """Folder of Figures 1 to 7."""
    return reports(study) / "figures"


def experiments(study: str) -> Path:
    """Folder of the kept DVC experiments (`cedice.experiments`)."""
    return reports(study) / "experiments"
