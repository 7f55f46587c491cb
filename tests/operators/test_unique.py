"""unique: values, places and counts equal to LiteRT's and onnxruntime's."""

from __future__ import annotations

import numpy as np
from onnx import helper

from tests.simulator.tflite_builder import Value, options

from .litert_cases import Draw, Layer, compare, random_layers
from .onnx_cases import Case, equals_onnxruntime, values


@random_layers
def test_equals_litert(draw: Draw) -> None:
    x = Value((draw.between(1, 40),), draw.pick(["float32", "int32", "int64", "int8", "uint8"]))
    wide = draw.flag()
    chosen = options("UniqueOptions", idxOutType=4 if wide else 2)
    data = draw.array(x, -4, 4)
    outputs = [Value((1,), x.dtype), Value(x.shape, "int64" if wide else "int32")]
    compare(Layer("UNIQUE", [x], outputs, chosen, [data]))


def _random(rng: np.random.Generator) -> Case:
    shape = tuple(rng.integers(1, 6, rng.integers(1, 5)))
    dtype = (np.float32, np.int64, np.int8)[rng.integers(3)]
    axis = {"axis": int(rng.integers(-len(shape), len(shape)))} if rng.integers(2) else {}
    outputs = dict(zip(("y", "first", "which", "counts"), (dtype, *[np.int64] * 3), strict=True))
    outputs = dict([*outputs.items()][: int(rng.integers(1, 5))])
    node = helper.make_node("Unique", ["x"], [*outputs], sorted=int(rng.integers(2)), **axis)
    return [node], {"x": values(rng, shape, dtype, int(rng.choice([1, 3])))}, {}, outputs


test_equals_onnxruntime = equals_onnxruntime(_random)
