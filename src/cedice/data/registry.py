"""All sources by their names."""

from collections.abc import Mapping

from cedice.data.source import Source
from cedice.data.sources.acdc import Acdc
from cedice.data.sources.acdc_test import AcdcTest
from cedice.data.sources.covid19 import Covid19
from cedice.data.sources.covid_ct_seg import CovidCtSeg
from cedice.data.sources.folder import FolderSource
from cedice.data.sources.hippocampus import Hippocampus
from cedice.data.sources.medseg_slices import MedsegSlices
from cedice.data.sources.medseg_volumes import MedsegVolumes
from cedice.described import Files, Published

PUBLISHED: dict[str, Source] = {
    "acdc": Acdc(),
    "covid19": Covid19(),
    "hippocampus": Hippocampus(),
    "acdc-test": AcdcTest(),
    "covid-ct-infection": CovidCtSeg("infection", ("background", "infection"), ((0, 1, 2), (3,))),
    "covid-ct-lung": CovidCtSeg("lung", ("background", "lung"), ((0,), (1, 2, 3))),
    "covid-ct-both": CovidCtSeg("both", ("background", "lung", "infection"), ((0,), (1, 2), (3,))),
    "medseg-slices": MedsegSlices(),
    "medseg-volumes": MedsegVolumes(),
}


def find(name: str, described: Mapping[str, Files | Published]) -> Source:
    """The source of a data set as ``described`` in `params.yaml`."""
    description = described[name]
    return FolderSource(name, description) if isinstance(description, Files) else PUBLISHED[name]
