"""All sources by their names."""

from collections.abc import Mapping

from cedice.data.source import Source
from cedice.data.sources.acdc import Acdc
from cedice.data.sources.acdc_test import AcdcTest
from cedice.data.sources.covid19 import Covid19
from cedice.data.sources.folder import FolderSource
from cedice.data.sources.hippocampus import Hippocampus
from cedice.described import Files, Published

PUBLISHED: dict[str, Source] = {
    "acdc": Acdc(),
    "covid19": Covid19(),
    "hippocampus": Hippocampus(),
    "acdc-test": AcdcTest(),
}


def find(name: str, described: Mapping[str, Files | Published]) -> Source:
    """The source of a data set as ``described`` in `params.yaml`."""
    description = described[name]
    return FolderSource(name, description) if isinstance(description, Files) else PUBLISHED[name]
