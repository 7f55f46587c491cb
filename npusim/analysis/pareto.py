"""The Pareto front: the points that no other point beats."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def on_front(costs: ArrayLike) -> NDArray[np.bool_]:
    """Return which points of `costs` [N objectives], less being better, no other point beats.

    A point beats another where it is nowhere worse and once better; equal points stand together.
    Points are met in the order of their costs, where none is beaten by a later one.
    """
    points = np.asarray(costs, np.float64)
    result = np.zeros(len(points), bool)
    front = np.empty((0, points.shape[1]))
    for i in np.lexsort(points.T[::-1]):
        point = points[i]
        if not ((front <= point).all(axis=1) & (front < point).any(axis=1)).any():
            front = np.vstack([front, point])
            result[i] = True
    return result
