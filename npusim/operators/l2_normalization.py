"""l2_normalization: each row divided by its length.

TFLite's integer form has the output scale 1/128 and takes the root in fixed point.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.errors import UnsupportedError
from npusim.graph.network import Network, Node
from npusim.operators.forms.tflite import TfliteForm, TfliteLayer
from npusim.operators.kinds.alike import alike
from npusim.operators.kinds.float32 import elementwise
from npusim.operators.kinds.types import one_8_bit_input
from npusim.operators.kinds.unary import Unary
from npusim.operators.page import NO_OWN_FORM, Absent, Page, Step, no_macs
from npusim.runtimes.fixed_point import inverse_square_root, multiplied, multiplied_below_one
from npusim.runtimes.requantization import affine

LEAST_LENGTH = np.float32(1e-6)
OUTPUT_BITS = 7


@dataclass(frozen=True)
class L2Normalization(Unary):
    """x over the root of the sum of its squares along the last axis."""


def real(operator: L2Normalization, x: NDArray) -> NDArray:
    """Return the rows at length 1; a row of zeros stays."""
    length = np.sqrt(np.sum(x * x, axis=-1, keepdims=True, dtype=x.dtype))
    return x / np.maximum(length, x.dtype.type(LEAST_LENGTH))


Rows = Callable[[NDArray[np.int64]], NDArray[np.int64]]


def fixed_point(network: Network, node: Node, mode: str = "") -> Rows:
    """Return TFLite's function of rows of integers (integer_ops/l2normalization.h)."""
    x, y = one_8_bit_input(network, node)
    (_, zx), (so, zo) = affine(node, x), affine(node, y)
    limits, x_is_signed = np.iinfo(y.dtype), x.dtype == np.int8
    if so != np.float32(2**-OUTPUT_BITS) or zo != (int(limits.min) + int(limits.max) + 1) // 2:
        raise UnsupportedError(f"{node.name}: expected an output of scale 1/128, found {so}, {zo}")

    def rows(x: NDArray[np.int64]) -> NDArray[np.int64]:
        away = x - zx
        roots = [inverse_square_root(int(total)) for total in (away * away).sum(-1)]
        multipliers, exponents = (
            np.array(part, np.int64)[:, None] for part in zip(*roots, strict=True)
        )
        if x_is_signed:
            scaled = multiplied(away, multipliers, exponents + OUTPUT_BITS)
        else:
            scaled = multiplied_below_one(away << OUTPUT_BITS, multipliers, exponents)
        return np.clip(scaled + zo, limits.min, limits.max)

    return rows


def step(network: Network, node: Node, rows: Rows) -> Step:
    """Return the step on 8-bit integers."""
    dtype = network.output_of(node).dtype

    def run(threads: int, x: NDArray) -> NDArray:
        return rows(x.astype(np.int64).reshape(-1, x.shape[-1])).astype(dtype).reshape(x.shape)

    return run


def _read(layer: TfliteLayer) -> L2Normalization:
    if layer.activation() is not None:
        raise UnsupportedError(f"{layer.record.name}: a fused activation is not supported here")
    return L2Normalization()


PAGE = Page(
    operator=L2Normalization,
    tflite=(TfliteForm("L2_NORMALIZATION", 1, _read),),
    onnx=(),
    own=NO_OWN_FORM,
    real=real,
    constants=alike(fixed_point),
    quantized=step,
    float32=elementwise(real),
    plain=Absent("takes no plain integers"),
    macs=no_macs,
    unit="host",
)
