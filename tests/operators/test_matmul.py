"""matmul: every byte equal to LiteRT's three sets of kernels, floats to a few last places.

The .onnx form is compared with onnxruntime in tests/simulator.
"""

from __future__ import annotations

import numpy as np
from onnx import helper

from npusim.prepared.engine import prepare
from tests.simulator.onnxruntime_reference import loaded, model
from tests.simulator.tflite_builder import Value, constant, options

from .litert_cases import Draw, Layer, compare, random_layers
from .onnx_cases import Case, equals_onnxruntime


def drawn(draw: Draw, dtype: str, result: str, *, one_matrix: bool = False) -> Layer:
    m, k, n = (draw.between(1, 9) for _ in range(3))
    leading = draw.shape(0, 2, 3)
    few = tuple(e if draw.flag() else 1 for e in leading)[draw.between(0, len(leading)) :]
    if one_matrix:
        few, leading = (1,) * len(few), (*(1 for _ in leading[1:]), *leading[:1])
    turn_a, turn_b = draw.flag(), draw.flag()
    a = (*leading, k, m) if turn_a else (*leading, m, k)
    b = (*few, n, k) if turn_b else (*few, k, n)
    shapes = (a, b)

    def value(shape: tuple[int, ...], dtype: str) -> Value:
        if dtype in ("float32", "int32"):
            return draw.plain(shape, dtype)
        return draw.quantized(shape, dtype, most=-2)

    x, w = (value(shape, dtype) for shape in shapes)
    batch = np.broadcast_shapes(leading, few)
    y = value((*batch, m, n), result)
    chosen = options("BatchMatMulOptions", adjX=turn_a, adjY=turn_b)
    arrays = [draw.array(x, -3, 3), draw.array(w, -3, 3)]
    return Layer("BATCH_MATMUL", [x, w], [y], chosen, arrays, version=2)


@random_layers
def test_bytes_equal_litert(draw: Draw) -> None:
    compare(drawn(draw, "int8", "int8"))


@random_layers
def test_floats_equal_litert(draw: Draw) -> None:
    compare(drawn(draw, "float32", "float32"), ulp=8, of_largest=True)


@random_layers
def test_hybrid_products_equal_litert(draw: Draw) -> None:
    layer = drawn(draw, "float32", "float32", one_matrix=True)
    x, w = layer.inputs
    assert x is not None
    assert w is not None
    data = draw.rng.integers(-127, 128, w.shape).astype(np.int8)
    layer.inputs[1], layer.arrays = constant(data, draw.scale(-9, -6)), layer.arrays[:1]
    layer.options.asymmetricQuantizeInputs = draw.flag()
    layer.version = 4
    compare(layer, ulp=16, of_largest=True, kernels=("ref", "opt"))


def _with_factors(rng: np.random.Generator) -> Case:
    """Return a product with constant factors before and behind it, which onnxruntime joins."""
    m, k, n = (int(rng.integers(2, 9)) for _ in range(3))
    names = [helper.make_node("MatMul", ["a", "b"], ["s"])]
    if rng.random() < 0.5:
        names = [
            helper.make_node("Mul", ["a", "f"], ["p"]),
            helper.make_node("MatMul", ["p", "b"], ["s"]),
        ]
    kind = ("Mul", "Div")[rng.integers(2)]
    inputs = {
        "a": rng.normal(size=(2, m, k)).astype("f"), "b": rng.normal(size=(2, k, n)).astype("f")
    }  # fmt: skip
    held = {"f": np.float32(rng.uniform(0.1, 3)), "g": np.float32(rng.uniform(0.1, 3))}
    nodes = [*names, helper.make_node(kind, ["s", "g"], ["y"])]
    return nodes, inputs, held, {"y": np.float32}


def _fused(rng: np.random.Generator) -> Case:
    m, k, n = (int(rng.integers(2, 9)) for _ in range(3))
    turned = [int(rng.integers(2)) for _ in range(2)]
    shapes = ((2, k, m) if turned[0] else (2, m, k), (2, n, k) if turned[1] else (2, k, n))
    inputs = {name: rng.normal(size=s).astype("f") for name, s in zip("ab", shapes, strict=True)}
    node = helper.make_node(
        "FusedMatMul", ["a", "b"], ["y"], domain="com.microsoft", transA=turned[0],
        transB=turned[1], alpha=float(rng.choice([1, 0.3, 2])),
    )  # fmt: skip
    return [node], inputs, {}, {"y": np.float32}


test_what_onnxruntime_fused_equals_it = equals_onnxruntime(_fused)
test_factors_around_a_product_equal_onnxruntime = equals_onnxruntime(_with_factors)


def _of_vectors(rng: np.random.Generator) -> Case:
    inner = int(rng.integers(1, 40))
    lead = tuple(int(n) for n in rng.integers(1, 4, rng.integers(0, 3)))
    rows, columns = (int(n) for n in rng.integers(1, 9, 2))
    kind = rng.integers(3)
    a = (inner,) if kind != 1 else (*lead, rows, inner)
    b = (inner,) if kind != 0 else (*lead, inner, columns)
    given = {"a": rng.normal(size=a).astype("f"), "b": rng.normal(size=b).astype("f")}
    if kind != 0:  # the order in which a vector on the right is summed is not known
        given = {name: np.rint(9 * x) for name, x in given.items()}
    held = {"b": given.pop("b")} if rng.random() < 0.5 else {}
    return [helper.make_node("MatMul", ["a", "b"], ["y"])], given, held, {"y": np.float32}


test_vectors_equal_onnxruntime = equals_onnxruntime(_of_vectors)


def test_a_product_of_computed_matrices_runs_as_a_whole() -> None:
    """The rows of the second operand are summed over: they are no samples."""
    nodes = [helper.make_node("Neg", ["x"], ["v"]), helper.make_node("MatMul", ["x", "v"], ["y"])]
    x = np.arange(9, dtype=np.float32).reshape(3, 3)
    network = loaded(model(nodes, {"x": x}, {}, {"y": np.float32}))
    found = prepare(network).run(x, threads=3)["y"]
    np.testing.assert_array_equal(found, x @ -x)
