"""Boxes of detectors: decoded from what a network says about anchors, then those that overlap go.

Source: TFLite, detection_postprocess.cc. Coordinates are decoded in float64 and kept in float32, as
are areas; e^x is made of correctly rounded operations.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from npusim.runtimes.elementary import exp

Floats = NDArray[np.float32]


class Detections(NamedTuple):
    """Boxes [D 4] as ymin xmin ymax xmax, classes [D] and scores [D], the best first."""

    boxes: Floats
    classes: NDArray[np.int64]
    scores: Floats


def decoded(encodings: Floats, anchors: Floats, scales: Floats) -> Floats:
    """Return boxes [B 4] as ymin xmin ymax xmax from centres and sizes relative to anchors [B 4].

    `scales` divide y, x, height and width first.
    """
    parts = encodings[:, :4].astype(np.float64) / scales.astype(np.float64)
    wide = anchors.astype(np.float64)
    centres = (parts[:, :2] * wide[:, 2:] + wide[:, :2]).astype(np.float32)
    halves = (0.5 * exp(parts[:, 2:]) * wide[:, 2:]).astype(np.float32)
    return np.concatenate([centres - halves, centres + halves], axis=1)


def overlaps(box: Floats, boxes: Floats) -> Floats:
    """Return the shared area of `box` with each of `boxes` over that of both together."""
    area = (box[2] - box[0]) * (box[3] - box[1])
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    sides = np.maximum(high - low, np.float32(0))
    shared = sides[:, 0] * sides[:, 1]
    with np.errstate(all="ignore"):
        return np.where((area <= 0) | (areas <= 0), np.float32(0), shared / (area + areas - shared))


def suppressed(
    boxes: Floats, scores: Floats, most: int, least_score: float, most_overlap: float
) -> NDArray[np.int64]:
    """Return at most `most` boxes, the best first, that overlap no better one by too much."""
    kept = np.flatnonzero(scores >= np.float32(least_score))
    order = kept[np.argsort(-scores[kept], kind="stable")]
    chosen: list[int] = []
    while len(order) and len(chosen) < most:
        best, order = order[0], order[1:]
        chosen.append(int(best))
        order = order[~(overlaps(boxes[best], boxes[order]) > np.float32(most_overlap))]
    return np.array(chosen, np.int64)


def by_class(
    boxes: Floats,
    scores: Floats,
    most: int,
    most_a_class: int,
    least_score: float,
    most_overlap: float,
) -> Detections:
    """Return the best boxes of all classes; overlaps count within a class. Scores are [B C]."""
    found = Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.int64), np.zeros(0, np.float32))
    for c in range(scores.shape[1]):
        column = scores[:, c]
        chosen = suppressed(boxes, column, min(most_a_class, most), least_score, most_overlap)
        merged = Detections(
            np.concatenate([found.boxes, boxes[chosen]]),
            np.concatenate([found.classes, np.full(len(chosen), c)]),
            np.concatenate([found.scores, column[chosen]]),
        )
        order = np.argsort(-merged.scores, kind="stable")[:most]
        found = Detections(merged.boxes[order], merged.classes[order], merged.scores[order])
    return found


def by_best_class(
    boxes: Floats,
    scores: Floats,
    most: int,
    classes_a_box: int,
    least_score: float,
    most_overlap: float,
) -> Detections:
    """Return the best boxes, each with its best classes; overlaps count whatever the class."""
    ranked = np.argsort(-scores, axis=1, kind="stable")[:, :classes_a_box]
    best = np.take_along_axis(scores, ranked, 1)
    chosen = suppressed(boxes, best[:, 0], most, least_score, most_overlap)
    repeated = np.repeat(boxes[chosen], ranked.shape[1], axis=0)
    return Detections(repeated, ranked[chosen].ravel(), best[chosen].ravel())
