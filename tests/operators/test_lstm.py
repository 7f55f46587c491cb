"""lstm: random layers equal LiteRT's three sets of kernels in every step and state."""

from __future__ import annotations

import numpy as np
import pytest

from npusim.errors import RangeError, UnsupportedError
from npusim.prepared.engine import prepare
from tests.simulator.tflite_builder import Value, constant, options, single_operator

from .in_time import compare_steps, kept, weights
from .litert_cases import Draw, network, random_layers

STEPS = 3


def lstm(
    draw: Draw, cell_scale: float | None = None, activation: int = 4, projects: bool = False
) -> bytes:
    """Return a layer with or without input gate, peepholes and clipping."""
    n, steps, k, units = (draw.between(1, most) for most in (2, 4, 5, 6))
    has_input, has_peepholes = draw.flag(), draw.flag()
    outputs = draw.between(1, 5) if projects else units
    time_major = draw.flag()
    x = Value((steps, n, k) if time_major else (n, steps, k), "int8", draw.scale(-7, -3),
              draw.zero_point("int8"))  # fmt: skip
    h = kept("int8", draw.scale(-8, -6), draw.between(-20, 20), n, outputs)
    c = kept("int16", cell_scale or 2.0 ** -draw.between(10, 13), 0, n, units)
    hidden = Value((1,), "int8", draw.scale(-8, -6), draw.between(-20, 20)) if projects else h

    def bias(count: int) -> Value:
        return constant(draw.rng.integers(-3000, 3000, count).astype(np.int32), 0.001)

    gates = [has_input, True, True, True]
    peepholes = [has_input and has_peepholes, has_peepholes, has_peepholes]
    inputs = [
        x,
        *(weights(draw, units, k) if gate else None for gate in gates),
        *(weights(draw, units, outputs) if gate else None for gate in gates),
        *(weights(draw, units, dtype="int16", scale=2.0**-12) if p else None for p in peepholes),
        *(bias(units) if gate else None for gate in gates),
        weights(draw, outputs, units) if projects else None,
        None,
        h, c, None, None, None, None,
    ]  # fmt: skip
    shape = (*x.shape[:2], outputs)
    return single_operator(
        "UNIDIRECTIONAL_SEQUENCE_LSTM",
        inputs,
        Value(shape, "int8", h.scale, h.zero_point),
        options(
            "UnidirectionalSequenceLSTMOptions", fusedActivationFunction=activation,
            timeMajor=time_major, cellClip=draw.pick([0.0, 2.0]),
        ),
        3,
        intermediates=[Value((1,), "int16", 2.0**-12)] * 4 + [Value((1,), "int8", hidden.scale,
                                                      hidden.zero_point)],
    )  # fmt: skip


@random_layers
def test_random_layers(draw: Draw) -> None:
    content = lstm(draw)
    of = network(content)
    shape = (STEPS, *of.tensors[of.inputs[0]].shape)
    x = draw.rng.integers(-128, 128, shape).astype(np.int8)
    compare_steps(content, {state.update: int(state.value[1:]) for state in of.state}, x)


def test_what_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="an LSTM with an activation other than tanh"):
        network(lstm(Draw(0), activation=1))
    with pytest.raises(UnsupportedError, match="an LSTM with a projection is not supported"):
        network(lstm(Draw(0), projects=True))
    with pytest.raises(RangeError, match=r"expected a cell state of scale 2\^n, found 0.3"):
        prepare(network(lstm(Draw(0), cell_scale=0.3)), "litert")
