"""Convolutions left in float32 between integers: every byte is that of MLAS's sums, quantized."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from npusim.graph.attributes import Clamp, Window
from npusim.kernels import floating_point, mlas_products
from npusim.kernels.real_windows import RealKernel, takes_fast_form
from npusim.kernels.vnni import available_forms

FAST = [form for form in available_forms() if form != "plain"]


def random_kernel(rng: np.random.Generator, form: str) -> tuple[RealKernel, NDArray]:
    """Return a kernel whose witness is mlas_products, and inputs of it."""
    channels, filters = int(rng.integers(1, 40)), int(rng.integers(2, 90))
    size = tuple(int(n) for n in rng.integers(1, 4, 2))
    stride, dilation = (tuple(int(n) for n in rng.integers(1, 3, 2)) for _ in range(2))
    window = Window(size, stride, dilation, tuple(int(n) for n in rng.integers(0, 3, 4)))  # type: ignore[arg-type]
    weights = rng.standard_normal((filters, *size, channels)).astype(np.float32)
    bias = rng.standard_normal(filters).astype(np.float32) if rng.random() < 0.7 else None
    x_type, y_type = (np.dtype(rng.choice(("int8", "uint8"))) for _ in range(2))
    ends, y_ends = np.iinfo(x_type), np.iinfo(y_type)
    scale = np.float32(2.0 ** rng.integers(-8, 0) if rng.random() < 0.3 else rng.random() / 50)
    zero = int(rng.integers(ends.min, ends.max + 1))
    so = np.float32(scale * weights[0].size ** 0.5 * 2.0 ** rng.uniform(-1, 2))
    steps = ((None, None), (0.0, None), (-20.0, 30.0))[rng.integers(3)]
    activation = Clamp(*(None if end is None else float(end * so) for end in steps))
    activation = None if rng.random() < 0.3 else activation
    zo = int(rng.integers(y_ends.min, y_ends.max + 1))

    def plain(x: NDArray) -> NDArray:
        reals = (x.astype(np.int64) - zero).astype(np.float32) * scale
        y = mlas_products.convolve(reals, weights, bias, window, 1)
        if activation is not None:
            y = floating_point.clip(y, activation.low, activation.high)
        return floating_point.quantize(y, np.asarray(so), np.asarray(zo), y_type, "even")

    kernel = RealKernel(
        plain, weights, bias, window, activation, (scale, zero, x_type), (so, zo, y_type), form
    )
    shape = (int(rng.integers(1, 3)), *(int(n) for n in rng.integers(7, 20, 2)), channels)
    x = rng.integers(ends.min, ends.max + 1, shape).astype(x_type)
    return kernel, x


@pytest.mark.parametrize("form", FAST)
def test_every_form_equals_the_plain_products(form: str) -> None:
    rng = np.random.default_rng(len(form))
    cut = varied = 0
    for _ in range(40):
        kernel, x = random_kernel(rng, form)
        weights, window = kernel._constants[0], kernel.window
        height, width = window.output_size(*x.shape[1:3])
        assert takes_fast_form(weights, 1, (len(x), height, width, len(weights)))
        depth = weights[0].size
        cut += depth > mlas_products.panel_depth(height * width, depth)
        expected = kernel.plain(x)
        varied += len(np.unique(expected)) > 8
        np.testing.assert_array_equal(kernel(x), expected)
        y = np.empty_like(expected)
        np.testing.assert_array_equal(kernel(x, threads=2), expected)
        assert isinstance(kernel.bind(x, y), tuple)
    assert varied > 32
    assert cut > 3  # sums of several panels are added


def test_products_of_one_row_or_column_are_summed_otherwise() -> None:
    weights = np.zeros((2, 1, 1, 3), np.float32)
    assert takes_fast_form(weights, 1, (1, 1, 2, 2))
    assert not takes_fast_form(weights, 1, (1, 1, 1, 2))
    assert not takes_fast_form(weights[:1], 1, (1, 2, 2, 1))
    assert not takes_fast_form(weights, 2, (1, 2, 2, 2))
