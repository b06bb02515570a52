"""What decides the result of a training besides the slices."""

from dataclasses import asdict, dataclass
from typing import Any

from cedice.networks import arguments
from cedice.params import Params
from cedice.paths import Training
from cedice.training import hardware
from cedice.training.augmentation import Augmentation


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What decides the result besides the slices. ``classes`` includes the background; 2 classes is the binary case.
    ``precision`` of the convolutions: "float32", "tf32" (GPUs) or "bf16"; ``schedule`` as of `cedice.training.schedule`;
    ``patients`` and ``steps`` as of `cedice.protocol.Train`; ``dice`` what the sums of the Dice term are over
    (`cedice.losses.dice_loss`); ``mirror_at_test`` the axes along which predictions are averaged over mirror images
    (`cedice.training.forward.scores`). Which of the options of `cedice.networks` there are depends on the ``architecture``."""

    classes: int
    alpha: float
    epochs: int
    architecture: str = "unet"
    base_channels: int | None = None
    depth: int | None = None
    norm: str | None = None
    padding: str | None = None
    feature_size: int | None = None
    learning_rate: float
    schedule: str
    batch_size: int
    patients: int | None = None
    steps: int | None = None
    precision: str
    deterministic: bool
    seed: int
    dice: str = "sample"
    augmentation: Augmentation | None = None
    mirror_at_test: tuple[str, ...] = ()

    def described(self) -> dict[str, Any]:
        """For headers and keys: every field that there is, and the network's arguments."""
        fields = {name: value for name, value in asdict(self).items() if value is not None or name == "augmentation"}
        return fields | {"network": self.network()}

    def network(self) -> dict[str, Any]:
        """The arguments of `cedice.networks.build`."""
        return arguments(self.architecture, self.classes, asdict(self))


def of(params: Params, training: Training, classes: int) -> Settings:
    """What the parameters say of a training of ``classes`` classes, with the precision of this machine."""
    study = params.study(training.study)
    options = study.train.model_dump(exclude={"learning_rate", "precision", "augmentation"})
    augmentation, test_axes = None, tuple[str, ...]()
    if study.train.augmentation != "none":
        wanted = study.train.augmentation
        axes = tuple(wanted.mirror.get(training.dataset, ()))
        augmentation = Augmentation(wanted.rotation, tuple(wanted.scale), tuple(wanted.gamma), wanted.share, axes)
        test_axes = axes if wanted.mirror_at_test else ()
    return Settings(
        classes=classes,
        alpha=getattr(params.loss, training.loss).alpha,
        epochs=study.epochs[training.dataset],
        learning_rate=study.train.rate(training.loss),
        architecture=options.pop("network"),
        precision=hardware.precision(study.train.precision),
        seed=training.seed,
        augmentation=augmentation,
        mirror_at_test=test_axes,
        **options,
    )
