"""All sources by their names."""

from collections.abc import Mapping

from cedice.data.source import Source
from cedice.data.sources import acdc, acdc_test, covid19, covid_ct_seg, medseg_slices, medseg_volumes
from cedice.data.sources.folder import FolderSource
from cedice.described import Files, Published

PUBLISHED: dict[str, Source] = {
    "acdc": acdc,
    "covid19": covid19,
    "acdc-test": acdc_test,
    **{f"covid-ct-{target.name}": target for target in covid_ct_seg.TARGETS},
    "medseg-slices": medseg_slices,
    "medseg-volumes": medseg_volumes,
}


def find(name: str, described: Mapping[str, Files | Published]) -> Source:
    """The source of a data set as ``described`` in `params.yaml`."""
    given = described[name]
    return FolderSource(name, given) if isinstance(given, Files) else PUBLISHED[name]
