"""What is filled around a kept tensor: all words that its writer leaves, and none beyond."""

import numpy as np
import pytest

from npusim.compiler.emit.memory import Kept
from npusim.compiler.emit.transfers import fill_pieces
from npusim.machines import Machine


@pytest.mark.parametrize("name", ["nano", "small", "base", "wide"])
def test_pieces_and_inner_pixels_cover_the_tensor(name: str) -> None:
    machine, rng = Machine.load(name), np.random.default_rng(3)
    borders = 0
    for case in range(200):
        top, bottom, left, right = (int(n) for n in rng.integers(0, 3, 4))
        height, width = (int(n) for n in rng.integers(1, 60, 2))
        blocks, samples = int(rng.integers(1, 20)), int(rng.integers(1, 3))
        stride, rows = left + width + right, top + height + bottom
        image = rows * stride
        kept = Kept(100, stride, samples * image, image, top, left, -128)
        pieces = fill_pieces(machine, kept, blocks, (height, width))
        words = np.zeros(100 + blocks * samples * image + 600, bool)
        for piece in pieces:
            assert 1 <= piece.rows <= 511, case
            assert 1 <= piece.columns <= 511, case
            first = piece.address + piece.step * np.arange(piece.rows)
            words[np.add.outer(first, np.arange(piece.columns))] = True
        filled = int(words.sum())
        tensor = words[100 : 100 + blocks * samples * image]
        assert tensor.sum() == filled, case
        tensor.reshape(-1, rows, stride)[:, top : top + height, left : left + width] = True
        assert tensor.all(), case
        most = len(tensor) + (1 + machine.memory.latency_cycles) * (len(tensor) // 511 + 1)
        assert filled + (1 + machine.memory.latency_cycles) * len(pieces) <= most, case
        borders += filled < len(tensor)
    assert borders > 50
