"""mul: random layers equal LiteRT's three sets of kernels in every byte."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tests.simulator.tflite_builder import options

from .litert_cases import BYTES, KERNELS, Draw, binary, compare, random_layers
from .three_kernels import equals_litert

test_random_layers = equals_litert("MUL")


@random_layers
def test_an_output_scale_next_to_nothing_equals_litert(draw: Draw) -> None:
    """LiteRT's shift leaves 32 bits there; its vectors of broadcast operands are not followed."""
    layer = binary(draw, "MUL", BYTES, options("MulOptions"))
    scale = np.float32(2.0 ** draw.rng.uniform(-120, -45))
    layer.outputs[0] = replace(layer.outputs[0], scale=scale)
    first, second = (x.shape for x in layer.inputs if x is not None)
    compare(layer, kernels=tuple(KERNELS) if first == second else ("ref",))
