"""broadcast_args: the extents equal LiteRT's, and follow from constants when the file is read."""

from __future__ import annotations

import numpy as np
import pytest

from npusim.errors import ShapeError
from tests.simulator.tflite_builder import Value

from .litert_cases import Draw, Layer, build, compare, integers, network, random_layers, run


@random_layers
def test_equals_litert(draw: Draw) -> None:
    shape = draw.shape(1, 6, 5)
    shapes = [shape, draw.broadcast_to(shape) or (1,)]
    if draw.flag():
        shapes.reverse()
    dtype = draw.pick(["int32", "int64"])
    arrays = [np.array(each, dtype) for each in shapes]
    inputs: list[Value | None] = [Value(a.shape, dtype) for a in arrays]
    y = Value((max(map(len, shapes)),), dtype)
    compare(Layer("BROADCAST_ARGS", inputs, [y], None, arrays))


def test_constants_are_computed_when_the_file_is_read() -> None:
    inputs: list[Value | None] = [integers(2, 1), integers(5, 1, 3)]
    of = network(build(Layer("BROADCAST_ARGS", inputs, [Value((3,), "int32")])))
    assert not of.nodes
    assert of.tensors[of.outputs[0]].data.tolist() == [5, 2, 3]


def test_shapes_that_do_not_broadcast_are_named() -> None:
    x = Value((2,), "int32")
    of = network(build(Layer("BROADCAST_ARGS", [x, x], [x])))
    with pytest.raises(ShapeError, match=r"broadcast_args_0: cannot broadcast \[2, 3\]"):
        run(of, "litert", [np.array(each, np.int32) for each in ([2, 3], [2, 4])])
