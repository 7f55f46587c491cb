"""NON_MAX_SUPPRESSION of TFLite: boxes taken best first, those that overlap dropped or weakened.

Among equal scores the box that stands first comes first. LiteRT takes them in the order in which
its C++ library's queue happens to hold them.

Source: TFLite, reference/non_max_suppression.h.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import NamedTuple

import numpy as np

from npusim.runtimes.detection import Floats, overlaps
from npusim.runtimes.elementary import exp


class Chosen(NamedTuple):
    """Boxes in the order taken, with their scores."""

    boxes: list[int]
    scores: list[np.float32]


def chosen(
    boxes: Floats, scores: Floats, most: int, most_overlap: float, least_score: float, sigma: float
) -> Chosen:
    """Return at most `most` of the boxes [B 4], two opposite corners each, scores [B].

    A box goes where it overlaps one taken before by `most_overlap` or more; with `sigma` above 0
    each overlap o weakens its score by e^(-o^2 / (2 sigma)) first.
    """
    corners = np.concatenate(
        [np.minimum(boxes[:, :2], boxes[:, 2:]), np.maximum(boxes[:, :2], boxes[:, 2:])], axis=1
    )
    least, limit = np.float32(least_score), np.float32(most_overlap)
    scale = np.float32(-0.5 / np.float32(sigma)) if sigma > 0 else np.float32(0)
    waiting = [(-score, box, 0) for box, score in enumerate(scores) if score > least]
    heapify(waiting)
    most, found = min(most, len(waiting)), Chosen([], [])
    while len(found.boxes) < most and waiting:
        negative, box, compared = heappop(waiting)
        taken = np.array(found.boxes[compared:][::-1], np.int64)
        score = _weakened(-negative, overlaps(corners[box], corners[taken]), limit, least, scale)
        if score is None:
            continue
        if score == -negative:
            found.boxes.append(box)
            found.scores.append(score)
        elif score > least:
            heappush(waiting, (-score, box, len(found.boxes)))
    return found


def _weakened(
    score: np.float32, shared: Floats, limit: np.float32, least: np.float32, scale: np.float32
) -> np.float32 | None:
    """Return a score after all overlaps, None where one is too great."""
    for overlap in shared:
        if overlap >= limit:
            return None
        if scale:
            weight = exp(np.array(scale * overlap * overlap, np.float64))
            score = score * np.float32(weight)
        if score <= least:
            break
    return score
