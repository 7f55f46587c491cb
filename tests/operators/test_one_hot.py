"""one_hot: every value equal to LiteRT's, indices outside included."""

from __future__ import annotations

import numpy as np
from onnx import helper

from tests.simulator.tflite_builder import Value, constant, options

from .litert_cases import Draw, Layer, compare, random_layers
from .onnx_cases import Case, equals_onnxruntime, values

TYPES = ("int8", "uint8", "int32", "int64", "float32", "bool")


@random_layers
def test_equals_litert(draw: Draw) -> None:
    shape, depth = draw.shape(1, 3, 5), draw.between(1, 6)
    axis = draw.between(-1, len(shape))
    place = axis if axis >= 0 else len(shape)
    dtype = draw.pick(TYPES)
    on, off = (draw.fixed(draw.plain((), dtype)) for _ in range(2))
    index = draw.pick(["int32", "int64"])
    indices = draw.rng.integers(-1, depth + 1, shape).astype(index)
    y = Value((*shape[:place], depth, *shape[place:]), dtype)
    inputs = [Value(shape, index), constant(np.array(depth, np.int32)), on, off]
    compare(Layer("ONE_HOT", inputs, [y], options("OneHotOptions", axis=axis), [indices]))


def _random(rng: np.random.Generator) -> Case:
    shape, depth = tuple(rng.integers(1, 4, rng.integers(1, 4))), int(rng.integers(1, 7))
    indices = rng.integers(-depth - 2, depth + 2, shape)
    dtype = (np.float32, np.int64)[rng.integers(2)]
    node = helper.make_node(
        "OneHot", ["x", "d", "v"], ["y"], axis=int(rng.integers(-len(shape) - 1, len(shape) + 1))
    )
    held = {"d": np.array(depth), "v": values(rng, (2,), dtype)}
    return [node], {"x": indices}, held, {"y": dtype}


test_equals_onnxruntime = equals_onnxruntime(_random)
