"""The sources of slices (`cedice.data.source.Source`): one module a source, listed by `cedice.data.registry`.

Nothing outside this folder knows an archive's layout."""
