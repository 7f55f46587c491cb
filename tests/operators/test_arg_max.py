"""arg_max: every index equal to LiteRT's, greatest and least, ties included."""

from __future__ import annotations

import numpy as np

from tests.simulator.tflite_builder import Value, constant, options

from .litert_cases import Draw, Layer, compare, random_layers

TYPES = ("int8", "uint8", "int32", "float32", "bool")


@random_layers
def test_equals_litert(draw: Draw) -> None:
    kind, name = draw.pick([("ARG_MAX", "ArgMaxOptions"), ("ARG_MIN", "ArgMinOptions")])
    shape = draw.shape(1, 5, 4)
    axis = draw.between(0, len(shape) - 1)
    shape = (*shape[:axis], draw.between(1, 40), *shape[axis + 1 :])
    x = draw.any_value(shape, TYPES)
    data = draw.array(x)
    if draw.flag() and x.dtype != "bool":
        data = (data // 50 * 50).astype(x.dtype)  # many equals
    dtype = draw.pick(["int32", "int64"])
    code = {"int32": 2, "int64": 4}[dtype]
    at = constant(np.array([axis - len(shape) if draw.flag() else axis], np.int32))
    y = Value((*shape[:axis], *shape[axis + 1 :]), dtype)
    compare(Layer(kind, [x, at], [y], options(name, outputType=code), [data]))
