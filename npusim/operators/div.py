"""div: a / b with their own scales, shapes broadcast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.errors import RangeError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.attributes import Clamp, fused
from npusim.graph.network import Network, Node
from npusim.kernels.softmax import reciprocal_of_one_plus
from npusim.operators.forms.onnx import OnnxForm, reads
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.alike import alike
from npusim.operators.kinds.binary import Binary, plain_integers
from npusim.operators.kinds.float32 import elementwise
from npusim.operators.kinds.pairs import Integers, Pairs, pairs_step
from npusim.operators.page import NO_OWN_FORM, Page, Step, no_macs
from npusim.operators.sub import bounds_of
from npusim.runtimes.fixed_point import doubling_high, multiplied_below_one
from npusim.runtimes.requantization import affine, quantize_multiplier


@dataclass(frozen=True)
class Div(Binary):
    """a / b; integers that are worth themselves are cut towards zero."""

    activation: Clamp | None = None


def real(operator: Div, a: NDArray, b: NDArray) -> NDArray:
    """Return a / b within the fused activation."""
    return fused(operator.activation, a / b)


def fixed_point(network: Network, node: Node, mode: str = "") -> Pairs:
    """Return TFLite's quotient (reference/div.h): a times the reciprocal of b, then one scale."""
    (s1, z1), (s2, z2) = (affine(node, x) for x in network.inputs_of(node))
    so, zo = affine(node, network.output_of(node))
    multiplier, exponent = quantize_multiplier(float(s1 / (s2 * so)))
    low, high = bounds_of(network, node)

    def quotient(a: Integers, b: Integers) -> Integers:
        a, b = a - z1, b - z2
        a, b = np.where(b < 0, -a, a), np.abs(b)
        digits, inverse = _reciprocals(b)
        headroom = 31 - _bits_of(np.where(a < 0, -a - 1, a))
        unscaled = doubling_high(a << headroom, inverse)
        scaled = multiplied_below_one(unscaled, multiplier, exponent - digits - headroom)
        return np.clip(scaled + zo, low, high)

    return quotient


def _bits_of(x: Integers) -> Integers:
    """Return the bits of integers that are not negative, below 2^31."""
    return np.frexp(x.astype(np.float64))[1].astype(np.int64)


def _reciprocals(b: Integers) -> tuple[Integers, Integers]:
    """Return (k, r) with 1 / b = r * 2^(-31 - k) by three Newton steps; (0, 0) for 0."""
    values = np.unique(b)
    digits, inverse = np.zeros_like(values), np.zeros_like(values)
    for i, value in enumerate(values.tolist()):
        if value:
            digits[i] = value.bit_length() - 1
            fraction = (value << (32 - value.bit_length())) - (1 << 31)
            inverse[i] = reciprocal_of_one_plus(fraction)  # type: ignore[no-untyped-call]
    at = np.searchsorted(values, b)
    return digits[at], inverse[at]


def step(network: Network, node: Node, quotient: Pairs) -> Step:
    """Return the step on integers; b may nowhere be 0, as in the runtime."""
    inner = pairs_step(network, node, quotient)
    zero = affine(node, network.inputs_of(node)[1])[1]
    return _nonzero(node, inner, zero)


def plain(network: Network, node: Node) -> Step:
    """Return the step on integers that are worth themselves."""
    divide = plain_integers(truncated_quotient)(network, node)
    return _nonzero(node, divide, 0)


def truncated_quotient(a: NDArray, b: NDArray) -> NDArray:
    """Return a / b without its fraction."""
    floor = a // b
    return floor + ((floor < 0) & (floor * b != a))


def _nonzero(node: Node, inner: Step, zero: int) -> Step:
    def divide(threads: int, a: NDArray, b: NDArray) -> NDArray:
        if (b == zero).any():
            raise RangeError(f"{node.name}: division by 0")
        y: NDArray = inner(threads, a, b)
        return y

    return divide


def _read_reciprocal(b: Builder, node: OnnxNode) -> None:
    one = b.store(f"{node.name}:one", np.ones((), np.float32))
    b.emit(node.name, Div(), (one, b.value(node, 0)), node.outputs[0])


PAGE = Page(
    operator=Div,
    tflite=(TfliteForm("DIV", 2, lambda layer: Div(layer.activation())),),
    onnx=(OnnxForm("Div", reads(lambda node: Div(), 2)), OnnxForm("Reciprocal", _read_reciprocal)),
    own=NO_OWN_FORM,
    real=real,
    constants=alike(fixed_point),
    quantized=step,
    float32=elementwise(real),
    plain=plain,
    macs=no_macs,
    unit="vector unit",
)
