"""What every source of slices offers, be it a module of this folder or a data set that `params.yaml` describes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cedice.data.cases import Case, Facts, Volume
from cedice.data.intensity import Intensity


@dataclass(frozen=True)
class Part:
    """One archive (zip or tar), folder or single file that a source comes as.

    It lies at ``path``; without one in the folder CEDICE_ARCHIVES under one of ``names`` (lower case, glob patterns), else at
    ``url``. ``sha256``: of the file, where that is fixed. ``folder``: stands before its members' names when the source is asked
    what they are, for parts with equal names."""

    names: tuple[str, ...] = ()
    url: str = ""
    sha256: str | None = None
    folder: str = ""
    path: Path | None = None


class Source(Protocol):
    """See `cedice.data.sources` for what the members mean."""

    @property
    def NAME(self) -> str: ...  # noqa: N802
    @property
    def CLASSES(self) -> tuple[str, ...]: ...  # noqa: N802
    @property
    def INTENSITY(self) -> Intensity: ...  # noqa: N802
    @property
    def PARTS(self) -> tuple[Part, ...]: ...  # noqa: N802
    @property
    def ADVICE(self) -> str: ...  # noqa: N802
    @property
    def CITATION(self) -> str: ...  # noqa: N802
    @property
    def LICENCE(self) -> str: ...  # noqa: N802
    @property
    def SPLIT(self) -> str: ...  # noqa: N802
    @property
    def LIMITS(self) -> tuple[str, ...]: ...  # noqa: N802
    @property
    def FACTS(self) -> Facts | None: ...  # noqa: N802
    def canonical(self, name: str, /) -> str | None: ...
    def verify(self, root: Path, /) -> None: ...
    def cases(self, root: Path, /) -> list[Case]: ...
    def read(self, case: Case, /) -> Volume: ...
