"""What every source of slices offers: a published data set, or one that `params.yaml` describes."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from cedice.data.cases import Case, Facts, Volume
from cedice.data.intensity import Intensity
from cedice.described import Channel


@dataclass(frozen=True)
class Part:
    """One archive (zip or tar), folder or single file that a source comes as.

    It lies at ``path``; without one in the folder CEDICE_ARCHIVES under one of ``names`` (lower case, glob patterns), else at
    ``url``."""

    names: tuple[str, ...] = ()
    url: str = ""
    path: Path | None = None


class Source(ABC):
    """A data set: what it is called, where its files are, and how one of its volumes is read.

    ``name``: what messages call it. ``classes``: the names of the labels 0, 1, … ``intensity``: how its volumes become grey
    values 0–255. ``parts``: the archives, folders or files that it comes as; ``advice``: which to put where, when none is at
    hand. ``patients_known``: whether a patient in its cases is a person; else every slice counts as a patient of its own.
    ``citation``, ``licence``, ``split``, ``limits``: what a released model's card says of the data. ``facts``: what is known of
    the whole data set, held against the slices made of it. ``channel``: which is taken of images in colour. ``nnunet_folds``:
    whether its five folds are those of nnU-Net's list (`cedice.data.splits`), by which published numbers compare.
    """

    name: str
    classes: tuple[str, ...]
    intensity: Intensity
    parts: tuple[Part, ...]
    advice: str
    citation: str
    licence: str
    split: str
    limits: tuple[str, ...]
    patients_known: bool
    facts: Facts | None = None
    channel: Channel | None = None
    nnunet_folds = False

    @abstractmethod
    def canonical(self, name: str) -> str | None:
        """The path under raw/<data set> of an archive's member; None for a member that is not needed."""

    @abstractmethod
    def verify(self, root: Path) -> None:
        """Hold the unpacked files against what is known of them; CediceError where one differs or lacks."""

    @abstractmethod
    def cases(self, root: Path) -> list[Case]:
        """The volumes under ``root``, sorted."""

    def sized(self, case: Case, volume: Volume) -> Volume:
        """The volume of a case with what the source knows of its voxels' size; for grids in mm."""
        return volume

    @abstractmethod
    def read(self, case: Case) -> Volume:
        """One volume's image and labels; CediceError for whatever is wrong with a file."""
