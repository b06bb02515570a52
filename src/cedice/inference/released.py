"""The models that come with the package. Imports nothing heavy: the command's help and its completion list them."""

from pathlib import Path

from cedice.errors import CediceError, meant

SUFFIX = ".safetensors"


def names() -> list[str]:
    """The names of the models that come along, sorted."""
    return sorted(path.stem for path in _folder().glob(f"*{SUFFIX}"))


def find(given: str) -> Path:
    """The file of a model given as a path, or by the name of a released one; CediceError, listing these, for neither."""
    if Path(given).is_file():
        return Path(given)
    if given in names():
        return _folder() / f"{given}{SUFFIX}"
    raise CediceError(f"no model {given}{meant(given, names())}: give a model file, or one of {', '.join(names())}")


def _folder() -> Path:
    return Path(__file__).parent / "networks"  # in a checkout a link to models/released
