"""add: random layers equal LiteRT's three sets of kernels in every byte."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper

from npusim.errors import UnsupportedError
from tests.simulator.tflite_builder import Value, options

from .litert_cases import Draw, Layer, binary, build, compare, network, random_layers
from .onnx_cases import Case, equals_onnxruntime
from .three_kernels import equals_litert

test_random_layers = equals_litert("ADD")


@pytest.mark.parametrize("kind", ["ADD", "SUB", "MUL"])
@pytest.mark.parametrize("zero_point", [-99, -98])
def test_a_fused_bound_between_two_integers_equals_litert(kind: str, zero_point: int) -> None:
    """6 / 4 = 1.5: XNNPACK rounds it with the zero point, to even, TFLite without it, up."""
    x, y = Value((1, 4), "int8", 2.0, 0), Value((1, 4), "int8", 4.0, zero_point)
    chosen = options(f"{kind.title()}Options", fusedActivationFunction=3)
    arrays = [np.full((1, 4), 100, np.int8), np.array([[-10, -10, 10, 10]], np.int8)]
    compare(Layer(kind, [x, x], [y], chosen, arrays))


@pytest.mark.parametrize("kind", ["ADD", "SUB"])
@pytest.mark.parametrize("scale", [1e-3, 1e4])
def test_scales_that_xnnpack_leaves_to_litert(kind: str, scale: float) -> None:
    """Ratios of input to output scale beyond 2^-10..2^8, where LiteRT has three roundings."""
    rng = np.random.default_rng(int(scale))
    inputs = [Value((1, 64), "int8", 1.0, 3), Value((1, 64), "int8", 0.7, -4)]
    arrays = [rng.integers(-128, 128, (1, 64)).astype(np.int8) for _ in inputs]
    y = Value((1, 64), "int8", scale, 1)
    compare(Layer(kind, inputs, [y], options(f"{kind.title()}Options"), arrays))


@random_layers
def test_vectors_and_what_they_leave_over_equal_litert(draw: Draw) -> None:
    """The optimized kernel rounds an operand once in a vector; small output scales show it."""
    rng, dtype = draw.rng, draw.pick(["int8", "uint8"])
    limits = np.iinfo(dtype)
    shape = np.array([*rng.integers(1, 5, draw.between(0, 3)), draw.between(1, 40)])
    repeated = rng.integers(0, 3, (2, len(shape))) == 0
    shapes = [tuple(int(n) for n in np.where(some, 1, shape)) for some in repeated]
    scales = np.exp([*rng.uniform(-4, 0, 2), rng.uniform(-9, 1)])
    zero_points = rng.integers(limits.min, limits.max + 1, 3).tolist()
    values = [
        Value(of, dtype, float(np.float32(s)), z)
        for of, s, z in zip(
            [*shapes, np.broadcast_shapes(*shapes)], scales, zero_points, strict=True
        )
    ]
    arrays = [rng.integers(limits.min, limits.max + 1, of).astype(dtype) for of in shapes]
    chosen = options("AddOptions")
    compare(Layer("ADD", values[:2], values[2:], chosen, arrays), kernels=("opt", "ref"))


@random_layers
def test_fused_bounds_of_plain_integers_equal_litert(draw: Draw) -> None:
    kind = draw.pick(["ADD", "SUB", "MUL"])
    chosen = options(f"{kind.title()}Options", fusedActivationFunction=draw.between(0, 3))
    compare(binary(draw, kind, ["int32", "int64"], chosen, most=4, low=-9, high=9))


def _of_any_number(rng: np.random.Generator) -> Case:
    shape = tuple(rng.integers(1, 6, rng.integers(1, 4)))
    inputs = {
        f"x{i}": rng.normal(size=shape[-int(rng.integers(1, len(shape) + 1)) :]).astype("f")
        for i in range(rng.integers(1, 6))
    }
    node = helper.make_node("Sum", list(inputs), ["y"])
    return [node], inputs, {}, {"y": np.float32}


test_of_any_number_equals_onnxruntime = equals_onnxruntime(_of_any_number)


def test_quantized_integers_beside_floats_are_refused() -> None:
    x, y = Value((1, 4), "float32"), Value((1, 4), "int8", 0.5, 3)
    with pytest.raises(UnsupportedError, match="add_0: expected float32 in t1 beside other floats"):
        network(build(Layer("ADD", [x, y], [x], options("AddOptions"))))
