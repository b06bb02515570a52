"""All sources by their names."""

from collections.abc import Mapping

from cedice.datasets import acdc, acdc_test, covid_ct_seg, covid_semiseg, medseg_slices, medseg_volumes
from cedice.datasets.own import Own
from cedice.datasets.source import Source
from cedice.described import Files, Published

PAPERS: dict[str, Source] = {"acdc": acdc, "covid19": covid_semiseg}
PUBLISHED: dict[str, Source] = {
    "acdc-test": acdc_test,
    **{f"covid-ct-{target.name}": target for target in covid_ct_seg.TARGETS},
    "medseg-slices": medseg_slices,
    "medseg-volumes": medseg_volumes,
}


def find(name: str, described: Mapping[str, Files | Published]) -> Source:
    """The source of a data set: one of the paper's, or as ``described`` in `params.yaml`."""
    if name in PAPERS:
        return PAPERS[name]
    given = described[name]
    return Own(name, given) if isinstance(given, Files) else PUBLISHED[name]
