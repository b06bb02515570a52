"""Pieces of Markdown that all reports share."""

from collections.abc import Iterable, Sequence

SYNTHETIC = (
    "> **Synthetic data**: generated phantoms in the layouts of ACDC and COVID-SemiSeg. The numbers show that the pipeline",
    "> works; they say nothing about the losses and are **not comparable** with the paper's.",
    "",
)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table."""
    return [_line(heads), _line(["---"] * len(heads)), *map(_line, rows)]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def title(text: str, study: str, synthetic: bool) -> list[str]:
    """A report's first lines: its title, and the banner of a study whose data is generated."""
    return [f"# {text}, study `{study}`", "", *(SYNTHETIC if synthetic else ())]


def spread(mean: float | None, std: float | None = None, sign: str = "") -> str:
    """ "0.9000 ± 0.0100", or with ``sign`` "+"; "–" for no mean. None and NaN are no number."""
    if mean is None or mean != mean:  # noqa: PLR0124  (NaN)
        return "–"
    return f"{mean:{sign}.4f}" + ("" if std is None or std != std else f" ± {std:.4f}")  # noqa: PLR0124
