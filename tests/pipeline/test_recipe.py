"""The recipe on a tiny phantom through the real stages: folds, millimetres, augmentation, a learning rate for each loss."""

import itertools
import shutil

import pytest

from cedice import params, paths
from cedice.evaluation import record
from cedice.tables import read_table

SEEDS = {"acdc": [0, 1, 2, 3, 4, 5], "covid19": [0, 1]}  # the last one of ACDC validates fold 0 a second time
REPORTS = ("samples", "figure1", "table", "plot")


@pytest.fixture
def recipe(project, stage, edit_params):
    train = params.load().recipe.model_dump(mode="json")["train"]
    train["augmentation"]["mirror"] = {"covid19": ["horizontal"]}
    changes = {
        "demo.split": "folds",
        "demo.grid": {"acdc": {"spacing": 1.5, "size": 64}, "covid19": {"size": 64}},
        "demo.epochs": {"acdc": 1, "covid19": 2},
        "demo.seeds": SEEDS,
        "demo.train.batch_size": 4,
    }
    edit_params(project, changes | {f"demo.train.{key}": train[key] for key in ("dice", "augmentation", "learning_rate")})
    for dataset, seeds in SEEDS.items():
        of = ("--study", "demo", "--dataset", dataset)
        for name in ("download", "preprocess"):
            assert stage(name, *of) is None
        for loss, seed in itertools.product(params.LOSSES, seeds):
            for name in ("train", "evaluate"):
                assert stage(name, *of, "--loss", loss, "--seed", str(seed)) is None
        assert stage("gather", *of) is None
    return project


def test_every_patient_is_validated_by_the_trainings_of_its_fold_and_every_report_is_made(recipe, stage):
    for name in REPORTS:
        assert stage(name, "--study", "demo") is None
    index = read_table(paths.slices("demo", "acdc")[1])
    counts = record.by_training(record.load(paths.record("demo"), "counts", ["acdc"]))
    for seed in SEEDS["acdc"]:
        assert set(counts["acdc", "ce", seed]["patient"]) == set(index["patient"][index["fold"] == seed % 5])
    verdict = read_table(paths.tables("demo") / "verdict.csv")
    assert set(verdict["units"][(verdict["dataset"] == "acdc") & (verdict["measure"] == "dice")]) == {5}
    shutil.rmtree(paths.record("demo") / "acdc")
    for name in ("table", "plot"):
        assert stage(name, "--study", "demo") is None
    for report in ("table1.md", "verdict.md"):
        text = " ".join((paths.tables("demo") / report).read_text(encoding="utf-8").split())
        assert "Not trained yet: ACDC." in text
        assert "The losses have learning rates of their own (CE 0.001, CE + DL 0.003)" in text
    assert set(read_table(paths.tables("demo") / "verdict.csv")["dataset"]) == {"covid19"}
