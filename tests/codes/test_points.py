"""Points of a channel, sorted into terms."""

from __future__ import annotations

import numpy as np

from npusim.codes.points import planes_of_points


def test_first_points_come_first_and_missing_ones_are_zero():
    decoded = np.array([[[1], [2], [3], [4]], [[10], [20], [30], [40]]])  # 2 forms, 4 channels
    terms = planes_of_points(decoded, np.array([1, 2, 1]))
    assert terms[..., 0].tolist() == [[1, 2, 4], [10, 20, 40], [0, 3, 0], [0, 30, 0]]
