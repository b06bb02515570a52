"""The record of a study: what joins it, what stays in it to the byte, and what leaves it."""

import gzip
import itertools
import json
import shutil
from copy import deepcopy
from pathlib import Path

import pytest
import yaml

from cedice import paths
from cedice.data.slices import validating
from cedice.errors import CediceError
from cedice.evaluation import record
from cedice.evaluation.gather import Key, differing, gather, parameters
from cedice.params import LOSSES
from cedice.paths import Training
from cedice.tables import read_table

ALL = list(itertools.product(LOSSES, (0, 1)))


class Here:
    """The covid19 trainings of the built demo, with one more of CE; and the record of them in a folder of its own."""

    def __init__(self, built: Path, scratch: Path):
        self.target = scratch / "record/covid19"
        of = ("demo", "covid19")
        given = [Training(*of, loss, 0) for loss in LOSSES]
        self.folders = {each.key[1:]: (built / paths.trained(each), built / paths.evaluated(each)) for each in given}
        more = scratch / "trained", scratch / "evaluated"
        for source, copy in zip(self.folders["ce_dl", 0], more, strict=True):
            shutil.copytree(source, copy)
        self.folders["ce", 1] = more
        self.parameters = parameters(yaml.safe_load((built / "params.yaml").read_text()), *of)
        source, slices = (json.loads((built / path(*of)).read_text()) for path in (paths.source, paths.summary))
        self.described = {"source": source, "slices": slices}
        self.index = validating(read_table(built / paths.slices(*of)[1]))[["slice", "volume", "patient", "frame"]]

    def gather(self, *keys: Key, wanted: list[Key] = ALL) -> tuple[list[Key], list[Key]]:
        here = {key: self.folders[key] for key in keys}
        return gather(self.target, here, self.parameters, self.described, self.index, wanted)

    def files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.target.iterdir()}

    def trainings(self) -> list[Key]:
        return [(row["loss"], row["seed"]) for row in record.runs(self.target.parent, "covid19")]

    def lines(self) -> dict[str, list[str]]:
        whole = {name: gzip.decompress(content) if name.endswith(".gz") else content for name, content in self.files().items()}
        return {table: whole[record.file(Path(), table).name].decode().splitlines() for table in record.TABLES}


@pytest.fixture
def here(built, tmp_path):
    return Here(built, tmp_path)


def test_a_training_that_joins_leaves_the_rows_of_the_others_as_they_were(here):
    assert here.gather(("ce", 0), ("ce_dl", 0)) == ([], [])
    assert set(here.files()) == {"params.yaml", "data.json", "runs.json", "slices.csv.gz"} | {
        record.file(Path(), table).name for table in record.TABLES
    }
    before = here.lines()
    assert here.gather(("ce", 1)) == ([("ce", 0), ("ce_dl", 0)], [])
    assert here.trainings() == [("ce", 0), ("ce", 1), ("ce_dl", 0)]
    for table, lines in here.lines().items():
        assert [line for line in lines if not line.startswith("ce,1,")] == before[table]
        assert len(lines) > len(before[table])


def test_equal_rows_give_equal_bytes_in_whatever_order_they_came(here):
    here.gather(*here.folders)
    at_once = here.files()
    shutil.rmtree(here.target)
    for key in (("ce_dl", 0), ("ce", 1), ("ce", 0)):
        here.gather(key)
    assert here.files() == at_once
    here.gather()
    assert here.files() == at_once
    for name in at_once:
        if name.endswith(".gz"):
            assert at_once[name][4:8] == bytes(4), f"{name} holds a time"


def test_a_training_that_is_here_takes_its_own_rows_place(here):
    here.gather(*here.folders)
    here.folders["ce", 1] = here.folders["ce", 0]
    assert here.gather(("ce", 1)) == ([("ce", 0), ("ce_dl", 0)], [])
    for lines in here.lines().values():
        again, first = ([line[5:] for line in lines if line.startswith(f"ce,{seed},")] for seed in (1, 0))
        assert again == first


@pytest.mark.parametrize(
    ("key", "value", "leave"),
    [
        ("loss.ce_dl.alpha", 0.5, [("ce_dl", 0)]),
        ("loss.ce.alpha", 0.5, [("ce", 0), ("ce", 1)]),
        ("demo.train.learning_rate", {"ce": 0.01, "ce_dl": 0.03}, "all"),  # another way to say it may mean another value
        ("demo.train.batch_size", 2, "all"),
        ("demo.epochs.covid19", 3, "all"),
        ("demo.seeds", [0, 1, 2], []),
    ],
)
def test_rows_leave_that_other_parameters_made(here, key, value, leave):
    here.gather(*here.folders)
    changed = deepcopy(here.parameters)
    *parents, last = key.split(".")
    node = changed
    for parent in parents:
        node = node[parent]
    node[last] = value
    before, here.parameters = here.files(), changed
    if leave == "all":
        with pytest.raises(CediceError, match="no training of this data set is here"):
            here.gather()
        assert here.files() == before
        assert here.gather(("ce", 0)) == ([], [("ce", 1), ("ce_dl", 0)])
        return
    stay = [each for each in here.trainings() if each not in leave]
    assert here.gather() == (stay, leave)
    assert here.trainings() == stay
    assert all(line.startswith(tuple(f"{loss},{seed}," for loss, seed in stay)) for line in here.lines()["counts"][1:])


def test_a_rate_for_each_loss_concerns_that_loss():
    then, now = ({"s": {"train": {"learning_rate": {"ce": 1, "ce_dl": rate}}}} for rate in (1, 2))
    assert (differing(then, now, "ce"), differing(then, now, "ce_dl")) == (None, "s.train.learning_rate.ce_dl")


def test_what_the_study_no_longer_names_leaves(here):
    here.gather(*here.folders)
    assert here.gather(wanted=[("ce", 0), ("ce_dl", 0)]) == ([("ce", 0), ("ce_dl", 0)], [("ce", 1)])
    assert here.trainings() == [("ce", 0), ("ce_dl", 0)]


def other_files(here: Here) -> None:
    here.described["source"]["sha256"] = "0" * 64


def other_summary(here: Here) -> None:
    here.described["slices"]["train"] += 1


def other_validation(here: Here) -> None:
    here.index = here.index.assign(patient=here.index["patient"].iloc[::-1].to_numpy())


@pytest.mark.parametrize("change", [other_files, other_summary, other_validation])
def test_rows_of_other_slices_never_stand_beside_new_ones(here, change):
    here.gather(*here.folders)
    before = here.files()
    change(here)
    with pytest.raises(CediceError, match="no training of this data set is here"):
        here.gather()
    assert here.files() == before
    assert here.gather(("ce", 0)) == ([], [("ce", 1), ("ce_dl", 0)])
    assert here.trainings() == [("ce", 0)]
