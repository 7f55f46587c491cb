"""sequence_rnn: steps and sequences equal LiteRT's, and so does what they keep."""

from __future__ import annotations

import numpy as np
import pytest

from npusim.errors import UnsupportedError
from tests.simulator.tflite_builder import Value, constant, options, single_operator

from .in_time import compare_steps
from .litert_cases import Draw, network, random_layers

STEPS = 3


def rnn(draw: Draw, hybrid: bool, activation: int | None = None) -> bytes:
    n, steps, k, units = (draw.between(1, most) for most in (2, 4, 5, 6))

    def weights(*shape: int) -> Value:
        if hybrid:
            integers = draw.rng.integers(-127, 128, shape).astype(np.int8)
            return constant(integers, np.float32(draw.rng.uniform(0.002, 0.01)))
        return constant(draw.rng.uniform(-1, 1, shape).astype(np.float32))

    sequence, time_major = draw.flag(), draw.flag()
    shape = ((steps, n, k) if time_major else (n, steps, k)) if sequence else (n, k)
    bias = constant(draw.rng.uniform(-1, 1, units).astype(np.float32))
    h = Value((n, units), "float32", is_variable=True)
    inputs = [Value(shape, "float32"), weights(units, k), weights(units, units), bias, h]
    fields = {
        "fusedActivationFunction": draw.pick([0, 1, 3, 4]) if activation is None else activation,
        "asymmetricQuantizeInputs": hybrid and draw.flag(),
    }
    y = Value((*shape[:-1], units), "float32")
    if not sequence:
        return single_operator("RNN", inputs, y, options("RNNOptions", **fields), 3)
    chosen = options("SequenceRNNOptions", timeMajor=time_major, **fields)
    return single_operator("UNIDIRECTIONAL_SEQUENCE_RNN", inputs, y, chosen, 3)


@random_layers
def test_equals_litert(draw: Draw) -> None:
    content = rnn(draw, hybrid=draw.flag())
    of = network(content)
    x = draw.rng.uniform(-2, 2, (STEPS, *of.tensors[of.inputs[0]].shape)).astype(np.float32)
    (state,) = of.state
    compare_steps(content, {state.update: int(state.value[1:])}, x, ulp=32)


def test_another_activation_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="fused activation 5 is not supported"):
        network(rnn(Draw(0), hybrid=False, activation=5))
