"""The sources of slices. One module a source, and nothing outside this folder knows an archive's layout.

A source is a module, or an object, with

    NAME, CLASSES      what messages call it; the names of the labels 0, 1, …
    INTENSITY          how its volumes become grey values 0–255
    PARTS              the archives, folders or files that it comes as, and where the network has them
    ADVICE             which file to put where, when neither is at hand
    CITATION, LICENCE, SPLIT, LIMITS   what a released model's card says of the data
    FACTS              what is known of the whole data set, held against the slices made of it; None where nothing is
    canonical(name)    the path under raw/<data set> of an archive's member, None for a member that is not needed
    verify(root)       hold the unpacked files against what is known of them; CediceError where one differs or lacks
    cases(root)        the volumes found there, sorted
    read(case)         one volume's image and labels

(`cedice.data.source.Source`); `cedice.data.registry` lists them.
"""
