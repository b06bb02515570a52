"""From components of a mixture to labels: by the labels of the training slices, or by brightness alone."""

import numpy as np

from cedice.metrics import dice


def by_labels(confusion: np.ndarray) -> tuple[list[int], float]:
    """The label of each component that makes the mean Dice over the foreground classes highest, and that Dice.

    ``confusion``: (K, C) pixels of each component and true class. From two beginnings, each component the class that most of
    its pixels have and all background, one component after the other takes its best label until none changes: a local
    maximum, which a test compares with all C^K. Of equal ones the first stays.
    """
    components, classes = confusion.shape
    ends = []
    for start in (confusion.argmax(axis=1), np.zeros(components, dtype=np.int64)):
        names, best = start.copy(), foreground_dice(confusion, start)
        changed = True
        while changed:
            changed = False
            for component in range(components):
                for label in range(classes):
                    tried = names.copy()
                    tried[component] = label
                    if (value := foreground_dice(confusion, tried)) > best:
                        names, best, changed = tried, value, True
        ends.append((names.tolist(), best))
    return max(ends, key=lambda end: end[1])


def by_brightness(means: np.ndarray, labels: list[int]) -> list[int]:
    """``labels`` from the darkest to the brightest component; ``means``: (K,) grey values of the components."""
    names = [0] * len(labels)
    for label, component in zip(labels, np.argsort(means, kind="stable"), strict=True):
        names[component] = label
    return names


def foreground_dice(confusion: np.ndarray, names: np.ndarray) -> float:
    """Mean Dice over the classes from 1 on where component k is called ``names[k]``; a class that no component has is 0."""
    table = np.zeros((confusion.shape[1],) * 2, dtype=np.int64)
    np.add.at(table, names, confusion)
    tp = table.diagonal()
    return float(dice(tp, table.sum(axis=1) - tp, table.sum(axis=0) - tp, empty=0.0)[1:].mean())
