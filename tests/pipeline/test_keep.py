"""What a kept experiment says that it changed."""

import pytest

from cedice.pipeline.keep import changed

BASE = {
    "loss": {"ce_dl": {"alpha": 1.0}},
    "small": {"epochs": {"acdc": 100}, "train": {"dice": "sample", "augmentation": "none"}},
}


@pytest.mark.parametrize(
    "change",
    [
        {"loss": {"ce_dl": {"alpha": 0.5}}},
        {"small": {"train": {"patients": 10, "steps": 100}}},  # keys that the project has not
        {"small": {"train": {"augmentation": {"rotation": 30}}}},  # a word that becomes a mapping
        {"small": {"epochs": {"acdc": 20}, "train": {"dice": "batch"}}},
        {},
    ],
)
def test_it_is_what_differs_or_is_new(change):
    def merged(base: dict, over: dict) -> dict:
        nested = {key: merged(base[key], value) for key, value in over.items() if isinstance(base.get(key), dict)}
        return base | over | nested

    assert changed(BASE, merged(BASE, change)) == change
