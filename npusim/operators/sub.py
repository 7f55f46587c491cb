"""sub: a - b with their own scales, shapes broadcast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.graph.attributes import Clamp, fused
from npusim.graph.network import Network, Node
from npusim.operators.forms.onnx import OnnxForm, reads
from npusim.operators.forms.tflite import TfliteForm, TfliteLayer
from npusim.operators.kinds.alike import alike
from npusim.operators.kinds.binary import Binary, plain_integers
from npusim.operators.kinds.float32 import elementwise
from npusim.operators.kinds.pairs import Integers, Pairs, pairs_step
from npusim.operators.kinds.sums import may_shift, shifted_sum
from npusim.operators.page import NO_OWN_FORM, Page, no_macs
from npusim.runtimes import xnnpack
from npusim.runtimes.fixed_point import multiplied
from npusim.runtimes.requantization import activation_bounds, affine, quantize_multiplier

LEFT_SHIFT_BITS = {1: 20, 2: 15}
"""Fraction bits of the common scale, by bytes of the type."""


@dataclass(frozen=True)
class Sub(Binary):
    """a - b with their own scales, shapes broadcast; `shifts_int16` as of Add."""

    activation: Clamp | None = None
    shifts_int16: bool = False

    @property
    def has_sign(self) -> bool:
        return True


def _read(layer: TfliteLayer) -> Sub:
    return Sub(layer.activation(), may_shift(layer))


def real(operator: Sub, a: NDArray, b: NDArray) -> NDArray:
    """Return a - b within the fused activation."""
    return fused(operator.activation, a - b)


def bounds_of(network: Network, node: Node) -> tuple[int, int]:
    """Return the least and greatest integer of the output within the fused activation."""
    y = network.output_of(node)
    return activation_bounds(getattr(node.operator, "activation", None), *affine(node, y), y.dtype)


def three_steps(network: Network, node: Node, mode: str = "") -> Pairs:
    """Return TFLite's difference (sub.cc): both to a common scale, subtracted, to the output's."""
    if getattr(node.operator, "shifts_int16", False):
        shifted = shifted_sum(network, node, -1)
        if shifted is not None:
            return shifted
    (s1, z1), (s2, z2) = (affine(node, x) for x in network.inputs_of(node))
    so, zo = affine(node, network.output_of(node))
    bits = LEFT_SHIFT_BITS[network.output_of(node).dtype.itemsize]
    twice = 2 * max(float(s1), float(s2))
    first, second = (quantize_multiplier(float(s) / twice) for s in (s1, s2))
    last = quantize_multiplier(twice / ((1 << bits) * float(so)))
    low, high = bounds_of(network, node)

    def difference(a: Integers, b: Integers) -> Integers:
        raw = multiplied((a - z1) << bits, *first) - multiplied((b - z2) << bits, *second)
        return np.clip(multiplied(raw, *last) + zo, low, high)

    return difference


def delegated(network: Network, node: Node) -> Pairs:
    """Return XNNPACK's difference: two multipliers of 21 bits on one shift, one rounding."""
    (s1, z1), (s2, z2) = (affine(node, x) for x in network.inputs_of(node))
    so, zo = affine(node, network.output_of(node))
    if network.output_of(node).dtype.itemsize > 1:
        return three_steps(network, node)
    terms = xnnpack.sum_multipliers(s1 / so, s2 / so)
    if terms is None:
        return three_steps(network, node)
    (m1, m2), shift = terms
    operator: Any = node.operator
    y = network.output_of(node)
    low, high = xnnpack.activation_bounds(operator.activation, so, zo, y.dtype)

    def difference(a: Integers, b: Integers) -> Integers:
        total = m1 * (a - z1) - m2 * (b - z2) + (1 << (shift - 1))
        return np.clip((total >> shift) + zo, low, high)

    return difference


PAGE = Page(
    operator=Sub,
    tflite=(TfliteForm("SUB", 2, _read),),
    onnx=(OnnxForm("Sub", reads(lambda node: Sub(), 2)),),
    own=NO_OWN_FORM,
    real=real,
    constants=alike(three_steps, delegated),
    quantized=pairs_step,
    float32=elementwise(real),
    plain=plain_integers(np.subtract),
    macs=no_macs,
    unit="vector unit",
)
