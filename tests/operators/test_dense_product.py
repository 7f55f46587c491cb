"""dense_product: products of two values equal LiteRT's three sets of kernels in every byte."""

from __future__ import annotations

import numpy as np
from onnx import helper

from tests.simulator.tflite_builder import constant, options

from .litert_cases import BYTES, Draw, Layer, compare, random_layers
from .onnx_cases import Case, equals_onnxruntime


def drawn(draw: Draw, dtype: str) -> Layer:
    leading, inner, outer = draw.shape(1, 2, 5), draw.between(1, 20), draw.between(1, 9)
    eight = dtype in BYTES
    make = draw.quantized if eight else draw.plain
    x, w = make((*leading, inner), dtype), make((outer, inner), dtype)
    keep = draw.flag()
    y = make((*leading, outer) if keep else (int(np.prod(leading)), outer), dtype)
    bias = None
    if draw.flag():
        data = draw.rng.integers(-3000, 3000, outer)
        scale = np.float32(x.scale * w.scale) if eight else None
        bias = constant(data.astype(np.int32 if eight else np.float32), scale)
    chosen = options(
        "FullyConnectedOptions", keepNumDims=keep, fusedActivationFunction=draw.pick([0, 0, 1, 3])
    )
    arrays = [draw.array(x, -3, 3), draw.array(w, -3, 3)]
    return Layer("FULLY_CONNECTED", [x, w, bias], [y], chosen, arrays, version=5)


@random_layers
def test_int8_equals_litert(draw: Draw) -> None:
    compare(drawn(draw, "int8"))


@random_layers
def test_uint8_equals_litert(draw: Draw) -> None:
    compare(drawn(draw, "uint8"))


@random_layers
def test_floats_equal_litert(draw: Draw) -> None:
    compare(drawn(draw, "float32"), ulp=16, of_largest=True)


def _gemm(rng: np.random.Generator) -> Case:
    """A Gemm of computed weights, or of a bias that constant weights do not have for a column."""
    m, k, n = (int(v) for v in rng.integers(1, 20, 3))
    turned = {"transA": int(rng.integers(2)), "transB": int(rng.integers(2))}
    shapes = {
        "a": (k, m) if turned["transA"] else (m, k),
        "b": (n, k) if turned["transB"] else (k, n),
    }
    shapes["c"] = ((m, n), (m, 1), (n,), (1, n), ())[rng.integers(5)]
    values = {name: rng.normal(size=shape).astype("f") for name, shape in shapes.items()}
    held = [name for name in ("b", "c") if rng.random() < 0.5]
    computed = [helper.make_node("Neg", [x], [f"{x}:n"]) for x in ("b", "c") if x not in held]
    names = ["a", *(x if x in held else f"{x}:n" for x in ("b", "c"))]
    node = helper.make_node("Gemm", names, ["y"], **turned)
    constants = {name: values.pop(name) for name in held}
    return [*computed, node], values, constants, {"y": np.float32}


test_gemm_equals_onnxruntime = equals_onnxruntime(_gemm)
