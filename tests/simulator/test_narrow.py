"""Narrow layers with several pixels side by side give what the plain loops give."""

from __future__ import annotations

import numpy as np
import pytest

from npusim.graph.attributes import Window
from npusim.kernels.linear import LinearKernel
from npusim.kernels.narrow import pixels_side_by_side
from npusim.kernels.vnni import available_forms
from npusim.runtimes.requantization import FloatRequantization, Requantization

FORMS = [form for form in available_forms() if form != "plain"]
DENSE = [
    # filters, channels, window, width, pixels side by side
    (8, 3, Window((3, 3), (2, 2), padding=(0, 1, 0, 1)), 12, 2),
    (8, 1, Window((10, 8), (2, 2), padding=(4, 5, 3, 3)), 16, 2),
    (3, 5, Window((2, 3), padding=(1, 0, 1, 1)), 8, 4),
    (1, 7, Window((1, 1)), 16, 16),
    (8, 4, Window((3, 3), dilation=(2, 1)), 8, 2),
    (8, 4, Window((3, 3), dilation=(1, 2)), 8, 1),
    (8, 4, Window((1, 1), (2, 2)), 8, 1),
    (8, 4, Window((3, 3)), 7, 1),
    (9, 4, Window((3, 3)), 10, 1),
]
DEPTHWISE = [
    (8, 8, Window((3, 3), padding=(1, 1, 1, 1)), 6, 2),
    (8, 4, Window((2, 3), dilation=(2, 3), padding=(2, 0, 3, 3)), 8, 2),
    (4, 2, Window((3, 2), (2, 1)), 8, 4),
    (8, 8, Window((3, 3), (1, 2)), 6, 1),
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("floating", [False, True])
@pytest.mark.parametrize("depthwise", [False, True])
def test_narrow_layers_equal_plain(form: str, floating: bool, depthwise: bool) -> None:
    rng = np.random.default_rng(1)
    for filters, channels, window, width, pixels in DEPTHWISE if depthwise else DENSE:
        groups = channels if depthwise else 1
        assert pixels_side_by_side(filters, groups, window, width) == pixels
        terms = 1 if floating else 2
        planes = rng.integers(-300, 301, (terms, filters, *window.kernel, channels // groups))
        bias = rng.integers(-1000, 1000, filters)
        if floating:
            scale = rng.uniform(1e-5, 1e-3, filters)
            rule = FloatRequantization("fp32", scale, bias, 3, -120, 127)
        else:
            multipliers = rng.integers(1, 1 << 20, (terms, filters))
            shift = rng.integers(20, 28, filters)
            rule = Requantization(multipliers, bias << 10, shift, "tflite", 3, -120, 127)
        span = (window.kernel[1] - 1) * window.dilation[1] + 1
        columns = (width - 1) * window.stride[1] + span - sum(window.padding[2:])
        x = rng.integers(-128, 128, (3, 9, columns, channels), np.int8)
        layer = LinearKernel(
            planes.astype(np.int16), window, groups, -7, rule, "int8", "int8", form
        )
        expected = layer.plain(x)
        assert expected.shape[2] == width
        assert len(np.unique(expected)) > 10
        np.testing.assert_array_equal(layer(x), expected, str((filters, window)))
        np.testing.assert_array_equal(layer(x, threads=2), expected)
