"""Folded pixels: each byte where the formula says, and back."""

from __future__ import annotations

import numpy as np
import pytest

from npusim.isa.fold import Fold, fold_pixels, unfold_pixels

CASES = [
    Fold((1, 1), (1, 3), 0, 1, 7, 6, 200),
    Fold((2, 2), (2, 2), 0, 0, 4, 3, 9),
    Fold((2, 2), (2, 4), 1, 1, 4, 3, 0),
    Fold((1, 1), (3, 1), 2, 0, 9, 6, 128),
]


@pytest.mark.parametrize("fold", CASES)
def test_each_pixel_holds_its_neighbours(fold: Fold) -> None:
    values = np.random.default_rng(1).integers(-128, 128, (7, 6, 3)).astype(np.int8)
    stored = fold_pixels(values, fold)
    pixels = stored.reshape(fold.height, fold.width, *fold.taps, 3)
    for place in np.ndindex(pixels.shape):
        y, x, i, j, c = place
        row, column = y * fold.step[0] - fold.top + i, x * fold.step[1] - fold.left + j
        inside = 0 <= row < 7 and 0 <= column < 6
        assert pixels[place] == (int(values[row, column, c]) & 0xFF if inside else fold.fill)
    assert np.array_equal(unfold_pixels(stored, fold, 7, 6).view(np.int8), values)
    assert Fold.of(fold.numbers) == fold
