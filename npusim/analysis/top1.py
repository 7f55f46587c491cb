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


TOP = 5
AT_CHANCE = (
    "no more labels are met than by chance: are the samples what the network was trained on, "
    "scaled as it takes them?"
)


def top_classes(scores: NDArray) -> list[tuple[int, float]]:
    """Return class and score of the TOP greatest of one sample's `scores`, the greatest first."""
    flat = scores.reshape(-1)
    order = np.argsort(-flat.astype(np.float64), kind="stable")[:TOP]
    return [(int(place), float(flat[place])) for place in order]


def is_chance(correct: int, samples: int, classes: int) -> bool:
    """Return whether a guess among `classes` names as many as `correct` of `samples` classes.

    That is within three standard deviations of what guesses get; a few samples tell nothing.
    """
    if classes < 2:
        return False
    share = 1 / classes
    deviation = (samples * share * (1 - share)) ** 0.5
    return correct <= samples * share + 3 * deviation and samples * (1 - share) > 9 * deviation
