"""gather: every byte equal to LiteRT's, on all types, indices constant or computed."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper

from npusim.errors import RangeError
from tests.simulator.tflite_builder import Value, constant, options

from .litert_cases import Draw, Layer, build, compare, network, random_layers, run
from .onnx_cases import NUMBERS, Case, equals_onnxruntime, values

TYPES = ("int8", "uint8", "int16", "int32", "int64", "float32", "bool")


@random_layers
def test_equals_litert(draw: Draw) -> None:
    shape = draw.shape(1, 4, 4)
    axis = draw.between(0, len(shape) - 1)
    walked = draw.between(0, axis) if draw.flag() else 0
    x = draw.any_value(shape, TYPES)
    at = (*shape[:walked], *draw.shape(0, 2, 4))
    dtype = draw.pick(["int32", "int64"])
    indices = draw.rng.integers(0, shape[axis], at).astype(dtype)
    y = (*shape[:axis], *at[walked:], *shape[axis + 1 :])
    named = axis - len(shape) if draw.flag() else axis
    chosen = options("GatherOptions", axis=named, batchDims=walked)
    known = draw.flag()
    inputs = [x, constant(indices) if known else Value(at, dtype)]
    arrays = [draw.array(x), *([] if known else [indices])]
    outputs = [Value(y, x.dtype, x.scale, x.zero_point)]
    compare(Layer("GATHER", inputs, outputs, chosen, arrays))


def test_an_index_outside_is_named() -> None:
    inputs = [Value((3,), "int32"), Value((1,), "int32")]
    layer = Layer("GATHER", inputs, [Value((1,), "int32")], options("GatherOptions"))
    arrays = [np.arange(3, dtype=np.int32), np.array([3], np.int32)]
    with pytest.raises(RangeError, match=r"gather_0: index 3 is outside an axis of 3"):
        run(network(build(layer)), "litert", arrays)


def _computed(rng: np.random.Generator) -> Case:
    shape = tuple(rng.integers(1, 6, rng.integers(1, 5)))
    axis = int(rng.integers(len(shape)))
    indices = rng.integers(-shape[axis], shape[axis], tuple(rng.integers(1, 4, rng.integers(0, 3))))
    indices = np.asarray(indices, rng.choice(["i4", "i8"]))
    dtype = NUMBERS[rng.integers(len(NUMBERS))]
    node = helper.make_node("Gather", ["x", "i"], ["y"], axis=axis - len(shape))
    x = values(rng, shape, dtype)
    if rng.random() < 0.5:  # an embedding: the indices alone are computed
        return [node], {"i": indices}, {"x": x}, {"y": dtype}
    return [node], {"x": x, "i": indices}, {}, {"y": dtype}


test_computed_indices_equal_onnxruntime = equals_onnxruntime(_computed)
