"""sparse_to_dense: every value equals LiteRT's, for places of every rank."""

from __future__ import annotations

import numpy as np
import pytest

from npusim.errors import RangeError
from tests.simulator.tflite_builder import Value, options

from .litert_cases import Draw, Layer, build, compare, integers, network, random_layers, run

TYPES = ("int32", "int64", "float32", "int8", "uint8")


def layer(draw: Draw) -> Layer:
    """Draw places that differ, in ascending order, as the operator asks for."""
    shape = draw.shape(1, 4, 5)
    most = int(np.prod(shape))
    flat = np.sort(draw.rng.permutation(most)[: draw.between(1, min(most, 6))])
    rows = np.stack(np.unravel_index(flat, shape), 1).astype(draw.pick(["int32", "int64"]))
    if len(shape) == 1:
        rows = rows[0, 0] if len(rows) == 1 and draw.flag() else rows[:, 0]
    count = np.atleast_1d(rows).shape[0]
    dtype = draw.pick(TYPES)
    alone = rows.ndim == 0 or draw.flag()
    values, rest = Value(() if alone else (count,), dtype), Value((), dtype)
    arrays = [rows, draw.array(values, -9, 9), draw.array(rest, -9, 9)]
    inputs: list[Value | None] = [
        Value(rows.shape, rows.dtype.name), integers(*shape), values, rest,
    ]  # fmt: skip
    y = Value(shape, dtype)
    return Layer("SPARSE_TO_DENSE", inputs, [y], options("SparseToDenseOptions"), arrays)


@random_layers
def test_equals_litert(draw: Draw) -> None:
    compare(layer(draw))


def test_a_place_outside_is_named() -> None:
    inputs: list[Value | None] = [
        Value((1,), "int32"), integers(4), Value((), "int32"), Value((), "int32"),
    ]  # fmt: skip
    chosen = options("SparseToDenseOptions")
    of = network(build(Layer("SPARSE_TO_DENSE", inputs, [Value((4,), "int32")], chosen)))
    with pytest.raises(RangeError, match="sparse_to_dense_0"):
        run(of, "litert", [np.array(a, np.int32) for a in ([4], 1, 0)])
