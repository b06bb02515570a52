"""Targets: every connected true region once, with what touches it."""

import numpy as np
import pandas as pd

from cedice.evaluation import targets

INDEX = pd.DataFrame({"slice": ["a"], "volume": ["v"], "patient": ["p"]})


def test_by_hand():
    truth, prediction = np.zeros((1, 12, 12), np.uint8), np.zeros((1, 12, 12), np.uint8)
    truth[0, 0:2, 0:2] = 1  # 4 pixels, missed
    truth[0, 5:8, 5:8] = 1  # 9 pixels: 6 hit by a region of 8
    truth[0, 8, 8] = 1  # joined to it by a corner: 10 pixels
    truth[0, 0:3, 8:10] = 2  # 6 pixels of another class, taken for class 1
    prediction[0, 5:7, 4:8] = 1
    prediction[0, 0:3, 8:10] = 1
    found = targets.table(prediction, truth, INDEX, 3)
    assert found[["class", "target", "pixels", "hits", "predicted"]].to_numpy().tolist() == [
        [1, 1, 4, 0, 0],
        [1, 2, 10, 6, 8],
        [2, 1, 6, 0, 0],
    ]


def test_nothing_to_find():
    empty = np.zeros((1, 8, 8), np.uint8)
    assert targets.table(empty + 1, empty, INDEX, 2).empty
