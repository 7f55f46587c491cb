"""svdf: random layers equal LiteRT's three sets of kernels in every step and memory."""

from __future__ import annotations

import numpy as np
import pytest

from npusim.errors import UnsupportedError
from tests.simulator.tflite_builder import Value, constant, options, single_operator

from .in_time import compare_steps, kept, weights
from .litert_cases import Draw, network, random_layers

STEPS = 4


def svdf(draw: Draw, activation: int = 1) -> bytes:
    n, k, rank = draw.between(1, 2), draw.between(1, 6), draw.between(1, 3)
    filters, memory = rank * draw.between(1, 4), draw.between(1, 5)
    x = Value((n, k), "int8", draw.scale(-7, -3), draw.zero_point("int8"))
    state = kept("int16", draw.scale(-12, -6), 0, n, filters * memory)
    data = draw.rng.integers(-(1 << 16), 1 << 16, filters // rank).astype(np.int32)
    y = Value((n, filters // rank), "int8", draw.scale(-6, 1), -128)
    inputs = [
        x, weights(draw, filters, k), weights(draw, filters, memory, dtype="int16"),
        constant(data, 0.1) if draw.flag() else None, state,
    ]  # fmt: skip
    return single_operator(
        "SVDF", inputs, y, options("SVDFOptions", rank=rank, fusedActivationFunction=activation), 3
    )


@random_layers
def test_random_layers(draw: Draw) -> None:
    content = svdf(draw)
    of = network(content)
    shape = (STEPS, *of.tensors[of.inputs[0]].shape)
    x = draw.rng.integers(-128, 128, shape).astype(np.int8)
    (state,) = of.state
    compare_steps(content, {state.update: int(state.value[1:])}, x)


def real_svdf(draw: Draw, hybrid: bool) -> bytes:
    n, k, rank = draw.between(1, 2), draw.between(1, 6), draw.between(1, 3)
    filters, memory = rank * draw.between(1, 4), draw.between(1, 5)

    def held(*shape: int) -> Value:
        if hybrid:
            return weights(draw, *shape, scale=float(draw.rng.uniform(0.002, 0.02)))
        return constant(draw.rng.uniform(-1, 1, shape).astype(np.float32))

    bias = constant(draw.rng.uniform(-1, 1, filters // rank).astype(np.float32))
    inputs = [
        Value((n, k), "float32"), held(filters, k), held(filters, memory),
        bias if draw.flag() else None, Value((n, filters * memory), "float32", is_variable=True),
    ]  # fmt: skip
    fields = options(
        "SVDFOptions", rank=rank, fusedActivationFunction=draw.pick([0, 1, 3]),
        asymmetricQuantizeInputs=hybrid and draw.flag(),
    )  # fmt: skip
    return single_operator("SVDF", inputs, Value((n, filters // rank), "float32"), fields, 4)


@pytest.mark.parametrize("hybrid", [False, True])
def test_floats_equal_litert(hybrid: bool) -> None:
    def case(draw: Draw) -> None:
        content = real_svdf(draw, hybrid)
        of = network(content)
        x = draw.rng.uniform(-2, 2, (STEPS, *of.tensors[of.inputs[0]].shape)).astype(np.float32)
        (state,) = of.state
        compare_steps(content, {state.update: int(state.value[1:])}, x, ulp=16)

    random_layers(case)()


def test_other_activations_are_refused() -> None:
    with pytest.raises(UnsupportedError, match="svdf_0: expected the fused activation RELU"):
        network(svdf(Draw(0), activation=0))
