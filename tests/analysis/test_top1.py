"""The class that scores name."""

from __future__ import annotations

import numpy as np

from npusim.analysis.top1 import classes, correct_guesses, percent_equal


def test_the_first_of_equal_scores_is_the_class() -> None:
    scores = np.array([[1, 5, 5], [3, 3, 3], [-9, -8, -7]], np.int8)
    assert classes(scores).tolist() == [1, 0, 2]
    assert classes(scores.reshape(3, 1, 1, 3)).tolist() == [1, 0, 2]


def test_correct_guesses_are_counted() -> None:
    scores, labels = np.eye(4), np.array([0, 1, 3, 3])
    assert correct_guesses(scores, labels) == 3
    assert percent_equal(classes(scores), labels) == 75.0
