"""sequence_lstm: sequences of float32 equal LiteRT's, weights float32 or int8, step after step."""

from __future__ import annotations

import numpy as np
import pytest

from npusim.errors import UnsupportedError
from npusim.prepared.engine import prepare
from tests.simulator.litert_witness import litert
from tests.simulator.tflite_builder import Value, constant, options, single_operator

from .litert_cases import CASES, KERNELS, Draw, network, random_layers

STEPS = 3


def weights(draw: Draw, hybrid: bool, *shape: int) -> Value:
    if hybrid:
        integers = draw.rng.integers(-127, 128, shape).astype(np.int8)
        return constant(integers, np.float32(draw.rng.uniform(0.002, 0.01)))
    return constant(draw.rng.uniform(-1, 1, shape).astype(np.float32))


def lstm(draw: Draw, hybrid: bool, projects: bool = False) -> bytes:
    n, steps, k, units = (draw.between(1, most) for most in (2, 4, 5, 6))
    has_input, has_peepholes = draw.flag(), draw.flag() and not hybrid
    time_major = draw.flag()
    x = Value((steps, n, k) if time_major else (n, steps, k), "float32")
    h, c = (Value((n, units), "float32", is_variable=True) for _ in range(2))
    gates = [has_input, True, True, True]
    peepholes = [has_input and has_peepholes, has_peepholes, has_peepholes]
    inputs = [
        x,
        *(weights(draw, hybrid, units, k) if gate else None for gate in gates),
        *(weights(draw, hybrid, units, units) if gate else None for gate in gates),
        *(weights(draw, hybrid, units) if p else None for p in peepholes),
        *(weights(draw, False, units) if gate else None for gate in gates),
        weights(draw, hybrid, units, units) if projects else None,
        None,
        h, c, None, None, None, None,
    ]  # fmt: skip
    fields = options(
        "UnidirectionalSequenceLSTMOptions", fusedActivationFunction=4, timeMajor=time_major,
        cellClip=draw.pick([0.0, 0.5]), asymmetricQuantizeInputs=hybrid and draw.flag(),
    )  # fmt: skip
    y = Value((*x.shape[:2], units), "float32")
    return single_operator("UNIDIRECTIONAL_SEQUENCE_LSTM", inputs, y, fields, 3)


def distance(draw: Draw, content: bytes) -> float:
    """Return how far the worst value of a few steps is from LiteRT's, under any of its kernels."""
    of, worst = network(content), 0.0
    arrays = [draw.rng.uniform(-2, 2, of.tensors[of.inputs[0]].shape).astype(np.float32)
              for _ in range(STEPS)]  # fmt: skip
    kernels, rule = draw.pick(list(KERNELS.items()))
    interpreter, prepared = litert(content, kernels), prepare(of, rule)
    (given,), (told,) = interpreter.get_input_details(), interpreter.get_output_details()
    for x in arrays:
        interpreter.set_tensor(given["index"], x)
        interpreter.invoke()
        (y,) = prepared.run(x).values()
        worst = max(worst, float(np.abs(y - interpreter.get_tensor(told["index"])).max()))
    return worst


@random_layers
def test_floats_equal_litert(draw: Draw) -> None:
    assert distance(draw, lstm(draw, hybrid=False)) <= 16 * 2.0**-23


def test_hybrid_layers_equal_litert() -> None:
    """A code of h turns over where the last bit of the C library's tanh decides a half: rare."""
    far = []
    for number in range(CASES):
        draw = Draw(number)
        worst = distance(draw, lstm(draw, hybrid=True))
        assert worst < 0.01, number
        far += [number] if worst > 16 * 2.0**-23 else []
    assert len(far) <= CASES // 50, far


def test_what_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="an LSTM with a projection is not supported"):
        network(lstm(Draw(1), hybrid=False, projects=True))
