"""The class that a classifier's scores name, and how often it is the right one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def classes(scores: NDArray) -> NDArray[np.int64]:
    """Return the place of each sample's greatest score (the first of equals), int64 [N].

    `scores` [N ...]: all axes behind the first are a sample's scores.
    """
    return scores.reshape(len(scores), -1).argmax(axis=1)


def percent_equal(a: NDArray, b: NDArray) -> float:
    """Return the percentage of equal entries."""
    return 100 * float((a == b).mean())


def correct_guesses(scores: NDArray, labels: NDArray[np.int64]) -> int:
    """Return how many samples' class is the labelled one."""
    return int(np.count_nonzero(classes(scores) == labels))
