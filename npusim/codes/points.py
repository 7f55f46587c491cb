"""The points of a channel: virtual channels that stand one after the other, and add up."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def planes_of_points(decoded: NDArray, points: NDArray[np.int64]) -> NDArray:
    """Sort decoded virtual channels [F V ...] into the terms [J OC ...], J = F * max(points).

    The F planes of a channel's first point come first, then those of its second; a channel with
    fewer points has zeros there.
    """
    forms, _, *rest = decoded.shape
    most = int(points.max(initial=1))
    first = np.concatenate([[0], np.cumsum(points)[:-1]]).astype(np.int64)
    terms = np.zeros((forms * most, len(points), *rest), decoded.dtype)
    for i in range(most):
        has = points > i
        terms[i * forms : (i + 1) * forms, has] = decoded[:, first[has] + i]
    return terms
