"""pad_value: every byte equal to LiteRT's, on all types."""

from __future__ import annotations

import numpy as np
from onnx import helper

from tests.simulator.tflite_builder import Value, constant, options

from .litert_cases import Draw, compare, movement, random_layers
from .onnx_cases import Case, equals_onnxruntime

TYPES = ("int8", "uint8", "int32", "int64", "float32")


@random_layers
def test_equals_litert(draw: Draw) -> None:
    x = draw.any_value(draw.shape(1, 4, 4), TYPES)
    pads = np.array([[draw.between(0, 3), draw.between(0, 3)] for _ in x.shape], np.int32)
    shape = [n + int(pad.sum()) for n, pad in zip(x.shape, pads, strict=True)]
    value = draw.fixed(Value((), x.dtype, x.scale, x.zero_point))
    behind = (constant(pads), value)
    compare(movement(draw, "PADV2", x, shape, *behind, options=options("PadV2Options"), version=2))


def _onnx(rng: np.random.Generator) -> Case:
    """Values of any kind around x, and less than nothing, which cuts off."""
    shape = tuple(int(n) for n in rng.integers(3, 6, rng.integers(1, 5)))
    pads = rng.integers(-1, 3, 2 * len(shape))
    held = {"p": pads, "v": np.float32(rng.choice([-np.inf, 0.5, -3, 0]))}
    x = rng.normal(size=shape).astype(np.float32)
    return [helper.make_node("Pad", ["x", "p", "v"], ["y"])], {"x": x}, held, {"y": np.float32}


test_equals_onnxruntime = equals_onnxruntime(_onnx)
