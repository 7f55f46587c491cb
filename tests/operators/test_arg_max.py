"""arg_max: every index equal to LiteRT's, greatest and least, ties included."""

from __future__ import annotations

import numpy as np
from onnx import helper

from tests.simulator.tflite_builder import Value, constant, options

from .litert_cases import Draw, Layer, compare, random_layers
from .onnx_cases import Case, equals_onnxruntime, values

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


def _last(rng: np.random.Generator) -> Case:
    shape = tuple(int(n) for n in rng.integers(1, 7, rng.integers(1, 5)))
    kind, dtype = ("ArgMax", "ArgMin")[rng.integers(2)], (np.float32, np.int32)[rng.integers(2)]
    attributes = {name: int(rng.integers(2)) for name in ("keepdims", "select_last_index")}
    axis = int(rng.integers(-len(shape), len(shape)))
    node = helper.make_node(kind, ["x"], ["y"], axis=axis, **attributes)
    return [node], {"x": values(rng, shape, dtype, 3)}, {}, {"y": np.int64}


test_first_and_last_places_equal_onnxruntime = equals_onnxruntime(_last)
