"""Weights of a chunk that come to WGT bank by bank: the bytes of the kernels, and fewer waits."""

from __future__ import annotations

import numpy as np
import pytest

from npusim.compiler.linear import loops
from npusim.compiler.linear.cut import Piece
from npusim.compiler.linear.tiling import Tiling
from npusim.engines.estimate import estimate
from npusim.graph.network import Network
from npusim.machines import Machine
from tests.compiler.agreement import assert_agrees
from tests.compiler.blocks import Builder
from tests.compiler.machines import random_machine


def convolution(side: int, inputs: int, outputs: int, stride: int = 1) -> Network:
    b = Builder((1, side, side, inputs))
    return b.network(b.conv("x", outputs, 3, stride=stride))


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Into how many parts the weights of each tile were cut."""
    found, of = [], loops.weight_pieces

    def spy(t: Tiling, piece: Piece) -> list[Piece]:
        pieces = of(t, piece)
        found.append(len(pieces))
        blocks = [p.ob + i for p in pieces for i in range(p.first, p.first + p.count)]
        assert blocks == [piece.ob + piece.first + i for i in range(piece.count)]
        return pieces

    monkeypatch.setattr(loops, "weight_pieces", spy)
    return found


def test_random_convolutions_on_random_machines(counts: list[int]) -> None:
    rng = np.random.default_rng(5)
    for _ in range(40):
        machine = random_machine(rng, 32)
        size = machine.size
        inputs, outputs = (int(rng.integers(1, 6 * size)) for _ in range(2))
        network = convolution(int(rng.integers(3, 12)), inputs, outputs, int(rng.integers(1, 3)))
        assert_agrees(network, machine, seed=int(rng.integers(1000)))
    assert max(counts) > 1


def test_loads_of_weights_run_beside_the_array(counts: list[int]) -> None:
    """A chunk of three of four banks: its bus cycles are no longer beside those of the array."""
    network = convolution(14, 512, 512, stride=2)
    found = estimate(network, Machine.load("base"))
    assert max(counts) == 3
    array = 7 * 7 * 9 * 32 * 32
    assert found.cycles < 1.15 * array
