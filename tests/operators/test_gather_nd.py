"""gather_nd: every byte equal to LiteRT's, on all types, indices constant or computed."""

from __future__ import annotations

import numpy as np
from onnx import helper

from tests.simulator.tflite_builder import Value, constant, options

from .litert_cases import Draw, Layer, compare, random_layers
from .onnx_cases import NUMBERS, Case, equals_onnxruntime, values

TYPES = ("int8", "uint8", "int16", "int32", "int64", "float32", "bool")


@random_layers
def test_equals_litert(draw: Draw) -> None:
    shape = draw.shape(1, 4, 4)
    x = draw.any_value(shape, TYPES)
    length = draw.between(1, len(shape))
    at = (*draw.shape(0, 2, 4), length)
    dtype = draw.pick(["int32", "int64"])
    indices = np.stack([draw.rng.integers(0, n, at[:-1]) for n in shape[:length]], -1).astype(dtype)
    y = Value((*at[:-1], *shape[length:]), x.dtype, x.scale, x.zero_point)
    known = draw.flag()
    inputs = [x, constant(indices) if known else Value(at, dtype)]
    arrays = [draw.array(x), *([] if known else [indices])]
    compare(Layer("GATHER_ND", inputs, [y], options("GatherNdOptions"), arrays))


def _random(rng: np.random.Generator) -> Case:
    shape = tuple(rng.integers(1, 5, rng.integers(1, 5)))
    walked = int(rng.integers(len(shape)))
    depth = int(rng.integers(1, len(shape) - walked + 1))
    rows = (*shape[:walked], *rng.integers(1, 4, rng.integers(0, 3)))
    named = shape[walked : walked + depth]
    indices = np.stack([rng.integers(-n, n, rows) for n in named], -1).astype(np.int64)
    dtype = NUMBERS[rng.integers(len(NUMBERS))]
    node = helper.make_node("GatherND", ["x", "i"], ["y"], batch_dims=walked)
    x = values(rng, shape, dtype)
    if rng.random() < 0.5:
        return [node], {"x": x}, {"i": indices}, {"y": dtype}
    return [node], {"x": x, "i": indices}, {}, {"y": dtype}


test_equals_onnxruntime = equals_onnxruntime(_random)
