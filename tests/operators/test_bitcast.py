"""bitcast: every bit equals LiteRT's."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper

from npusim.errors import UnsupportedError
from npusim.prepared.engine import prepare
from tests.simulator.tflite_builder import Value, options

from .litert_cases import Draw, Layer, build, compare, network, random_layers
from .onnx_cases import Case, equals_onnxruntime

PAIRS = (("int8", "uint8"), ("uint8", "int8"), ("int32", "float32"), ("float32", "int32"))


@random_layers
def test_equals_litert(draw: Draw) -> None:
    before, after = draw.pick(PAIRS)
    x = draw.plain(draw.shape(1, 4, 5), before)
    data = draw.array(x, -4, 4)
    if before == "int32":
        data = np.asarray(draw.rng.uniform(-4, 4, x.shape), np.float32).view(np.int32)
    compare(Layer("BITCAST", [x], [Value(x.shape, after)], options("BitcastOptions"), [data]))


def test_another_width_is_refused() -> None:
    layer = Layer("BITCAST", [Value((4,), "int32")], [Value((4,), "int8")], None, [])
    with pytest.raises(UnsupportedError, match=r"bitcast_0: expected int32 and int8 of one width"):
        prepare(network(build(layer)), "litert")


def _of_onnx(rng: np.random.Generator) -> Case:
    pairs = (
        (np.float32, np.int32),
        (np.int32, np.float32),
        (np.int8, np.uint8),
        (np.uint8, np.int8),
    )
    before, after = pairs[rng.integers(4)]
    shape = tuple(rng.integers(1, 6, rng.integers(0, 3)))
    x = np.asarray(rng.normal(size=shape), np.float32)
    x = x.view(before) if before is np.int32 else np.asarray(x * 30, before)
    to = helper.np_dtype_to_tensor_dtype(np.dtype(after))
    return [helper.make_node("BitCast", ["x"], ["y"], to=to)], {"x": x}, {}, {"y": after}


test_equals_onnxruntime = equals_onnxruntime(_of_onnx, opset=26)
