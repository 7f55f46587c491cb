"""Pixels laid out with their neighbours, so that few channels fill the rows of the array.

    pixel (y, x) of the stored tensor = for i < taps_h, for j < taps_w:
        the C channels of pixel (y*step_h - top + i, x*step_w - left + j), `fill` outside the image

Whoever writes a tensor that the machine only reads (a network's input) may lay it out so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Fold:
    """Lengths in pixels; `height` and `width` of the tensor as stored, `fill` a byte."""

    step: tuple[int, int]
    taps: tuple[int, int]
    top: int
    left: int
    height: int
    width: int
    fill: int

    @classmethod
    def of(cls, numbers: tuple[int, ...]) -> Fold:
        """Return the fold of `numbers`."""
        a, b, c, d, *rest = numbers
        return cls((a, b), (c, d), *rest)

    @property
    def numbers(self) -> tuple[int, ...]:
        """The fold as a program file has it."""
        return (
            *self.step, *self.taps, self.top, self.left, self.height, self.width, self.fill
        )  # fmt: skip


def fold_pixels(values: NDArray, fold: Fold) -> NDArray[np.uint8]:
    """Return `values` [H W C] of one byte each as stored: uint8 [height width taps*C]."""
    height, width, channels = values.shape
    (step_h, step_w), (taps_h, taps_w) = fold.step, fold.taps
    rows = (fold.height - 1) * step_h + taps_h
    columns = (fold.width - 1) * step_w + taps_w
    shape = (max(rows, height + fold.top), max(columns, width + fold.left), channels)
    wide = np.full(shape, fold.fill, np.uint8)
    wide[fold.top : fold.top + height, fold.left : fold.left + width] = values.view(np.uint8)
    stored = np.empty((fold.height, fold.width, taps_h, taps_w, channels), np.uint8)
    for i in range(taps_h):
        for j in range(taps_w):
            last = (i + (fold.height - 1) * step_h + 1, j + (fold.width - 1) * step_w + 1)
            stored[:, :, i, j] = wide[i : last[0] : step_h, j : last[1] : step_w]
    return stored.reshape(fold.height, fold.width, -1)


def unfold_pixels(stored: NDArray[np.uint8], fold: Fold, height: int, width: int) -> NDArray:
    """Return the values uint8 [height width C] that `fold_pixels` laid out as `stored`."""
    (step_h, step_w), (taps_h, taps_w) = fold.step, fold.taps
    pixels = stored.reshape(fold.height, fold.width, taps_h, taps_w, -1)
    rows, columns = np.arange(height) + fold.top, np.arange(width) + fold.left
    y = np.minimum(rows // step_h, fold.height - 1)
    x = np.minimum(columns // step_w, fold.width - 1)
    return pixels[
        y[:, None], x, (rows - y * step_h)[:, None], columns - x * step_w
    ]  # every pixel lies in some word
