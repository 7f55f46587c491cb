"""Operators that move integers: the compiled transpose against numpy's, on every order of axes."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from npusim import operators as op
from npusim.graph.network import Network, Node
from npusim.graph.tensor import Tensor
from npusim.kernels.layout import swap_middle, swapped_axes
from npusim.prepared.engine import prepare


@pytest.mark.parametrize("rank", [2, 3, 4, 5])
def test_every_transpose_equals_numpy(rank: int) -> None:
    shape = (1, 3, 2, 5, 4)[:rank]
    swaps = 0
    for dtype in ("int8", "uint8", "int16"):
        for tail in permutations(range(1, rank)):
            order = (0, *tail)
            swaps += swapped_axes(order) is not None
            tensors = (
                Tensor("x", shape, np.dtype(dtype)),
                Tensor("y", tuple(shape[axis] for axis in order), np.dtype(dtype)),
            )
            node = Node("transpose", op.Transpose(order), ("x",), ("y",))
            network = Network("t", "tflite", (node,), {t.name: t for t in tensors}, ("x",), ("y",))
            x = np.arange(3 * np.prod(shape)).reshape(3, *shape[1:]).astype(dtype)
            for _ in range(2):
                found = prepare(network, "litert").run({"x": x})["y"]
                np.testing.assert_array_equal(found, x.transpose(order), f"{order}")
    assert swaps or rank == 2


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("columns", [1, 2, 3, 63, 64, 300])
def test_streams_are_interleaved(rows: int, columns: int) -> None:
    x = np.random.default_rng(rows).integers(0, 256, (3, rows, columns, 1)).astype(np.uint8)
    y = np.empty((3, columns, rows, 1), np.uint8)
    swap_middle(x, y)
    np.testing.assert_array_equal(y, x.swapaxes(1, 2))
