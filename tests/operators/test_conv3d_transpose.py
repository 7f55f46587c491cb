"""conv3d_transpose: floats equal LiteRT's reference kernel in every bit, its others nearly."""

from __future__ import annotations

import numpy as np

from tests.simulator.tflite_builder import Value, constant

from .conv3d_cases import channels_have_to_fit, drawn_options, equals_litert
from .litert_cases import Draw, Layer, integers


def layer(draw: Draw) -> Layer:
    kernel, stride, sizes = ([draw.between(1, most) for _ in "dhw"] for most in (3, 2, 4))
    same, inner, outer = draw.flag(), draw.between(1, 4), draw.between(1, 5)
    triples = zip(sizes, kernel, stride, strict=True)
    extents = [n * s if same else (n - 1) * s + k for n, k, s in triples]
    weights = draw.rng.uniform(-1, 1, (*kernel, outer, inner)).astype(np.float32)
    bias = constant(draw.rng.uniform(-1, 1, outer).astype(np.float32)) if draw.flag() else None
    x = Value((draw.between(1, 2), *sizes, inner), "float32")
    y = Value((x.shape[0], *extents, outer), "float32")
    inputs = [integers(*y.shape), constant(weights), x, *([bias] if bias else [])]
    return Layer(
        "CONV_3D_TRANSPOSE", inputs, [y], drawn_options(draw, same, stride), [draw.array(x, -2, 2)]
    )


test_equals_litert = equals_litert(layer)
test_weights_of_other_channels_are_refused = channels_have_to_fit(layer, 2)
