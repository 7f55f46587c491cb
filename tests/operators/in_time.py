"""Layers that keep state: every step of a run, and what they keep, equals LiteRT's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from npusim.prepared.engine import prepare
from tests.simulator.litert_witness import litert
from tests.simulator.tflite_builder import Value

from .litert_cases import KERNELS, Draw, network


def weights(draw: Draw, *shape: int, dtype: str = "int8", scale: float | None = None) -> Value:
    most = 127 if dtype == "int8" else 2000
    data = draw.rng.integers(-most, most + 1, shape).astype(dtype)
    return Value(shape, dtype, draw.scale(-9, -5) if scale is None else scale, 0, data)


def kept(dtype: str, scale: float, zero_point: int, *shape: int) -> Value:
    return Value(shape, dtype, np.float32(scale), zero_point, is_variable=True)


def compare_steps(content: bytes, states: dict[str, int], samples: NDArray, ulp: int = 0) -> None:
    """Hold the output and the new state after each sample against LiteRT's.

    `states`: npusim's name of each new state -> LiteRT's index of the variable. With `ulp` floats
    may differ by so many units in the last place of a tensor's largest value.
    """
    of = network(content)
    for kernels, rule in KERNELS.items():
        prepared, interpreter = prepare(of, rule), litert(content, kernels)
        (given,), (out,) = interpreter.get_input_details(), interpreter.get_output_details()
        for number, x in enumerate(samples):
            interpreter.set_tensor(given["index"], x)
            interpreter.invoke()
            found = prepared.run(x, keep=(*of.outputs, *states))
            indices = {of.outputs[0]: out["index"], **states}
            for name, index in indices.items():
                expected = interpreter.get_tensor(index)
                what = f"{kernels}, step {number}: {name}"
                unit = np.spacing(np.float32(np.abs(expected).max() + 1)) if ulp else 0
                np.testing.assert_allclose(
                    found[name], expected, rtol=0, atol=ulp * unit, err_msg=what
                )
