"""conv3d: floats equal LiteRT's reference kernel in every bit, its others to the last places."""

from __future__ import annotations

import numpy as np

from tests.simulator.tflite_builder import Value, constant

from .conv3d_cases import channels_have_to_fit, drawn_options, equals_litert
from .litert_cases import Draw, Layer


def layer(draw: Draw) -> Layer:
    kernel, stride, dilation = ([draw.between(1, most) for _ in "dhw"] for most in (3, 2, 2))
    same, inner, outer = draw.flag(), draw.between(1, 4), draw.between(1, 5)
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    sizes = [draw.between(span, span + 3) for span in spans]
    triples = zip(sizes, spans, stride, strict=True)
    extents = [-(-n // s) if same else (n - k) // s + 1 for n, k, s in triples]
    weights = draw.rng.uniform(-1, 1, (*kernel, inner, outer)).astype(np.float32)
    bias = constant(draw.rng.uniform(-1, 1, outer).astype(np.float32)) if draw.flag() else None
    x = Value((draw.between(1, 2), *sizes, inner), "float32")
    y = Value((x.shape[0], *extents, outer), "float32")
    inputs = [x, constant(weights), *([bias] if bias else [])]
    return Layer(
        "CONV_3D", inputs, [y], drawn_options(draw, same, stride, dilation), [draw.array(x, -2, 2)]
    )


test_equals_litert = equals_litert(layer)
test_weights_of_other_channels_are_refused = channels_have_to_fit(layer, 0)
