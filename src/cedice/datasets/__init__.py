"""The sources of slices. One module a source, and nothing outside this folder knows an archive's layout.

A source is a module with

    NAME, CLASSES      what messages call it; the names of the labels 0, 1, …
    INTENSITY          how its volumes become grey values 0–255
    ARCHIVES, URL      how an archive, zip or tar, may be called (lower case, glob patterns); where the network has it
    ADVICE             which file to put where, when neither is at hand
    CITATION, LICENCE, SPLIT, LIMITS   what a released model's card says of the data
    FACTS              what is known of the whole data set, held against the slices made of it
    canonical(name)    the path under raw/<data set> of an archive's member, None for a member that is not needed
    verify(root)       hold the unpacked files against the committed manifest; CediceError where one differs or lacks
    cases(root)        the volumes found there, sorted
    read(case)         one volume's image and labels
"""

from types import ModuleType

from cedice.datasets import acdc, covid_semiseg

SOURCES: dict[str, ModuleType] = {"acdc": acdc, "covid19": covid_semiseg}
