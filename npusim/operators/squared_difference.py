"""squared_difference: (a - b)^2 with their own scales, shapes broadcast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.graph.network import Network, Node
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.alike import alike
from npusim.operators.kinds.binary import Binary, plain_integers
from npusim.operators.kinds.float32 import elementwise
from npusim.operators.kinds.pairs import Integers, Pairs, pairs_step
from npusim.operators.page import NO_OWN_FORM, Page, no_macs
from npusim.runtimes.fixed_point import multiplied, wrapped
from npusim.runtimes.requantization import affine, quantize_multiplier

LEFT_SHIFT_BITS = 7


@dataclass(frozen=True)
class SquaredDifference(Binary):
    """(a - b)^2."""


def real(operator: SquaredDifference, a: NDArray, b: NDArray) -> NDArray:
    """Return the square."""
    return (a - b) * (a - b)


def fixed_point(network: Network, node: Node, mode: str = "") -> Pairs:
    """Return TFLite's square (squared_difference.cc): a difference at a common scale, squared."""
    (s1, z1), (s2, z2) = (affine(node, x) for x in network.inputs_of(node))
    y = network.output_of(node)
    so, zo = affine(node, y)
    twice = 2 * max(float(s1), float(s2))
    first, second = (quantize_multiplier(float(s) / twice) for s in (s1, s2))
    last = quantize_multiplier(twice * twice / ((1 << (2 * LEFT_SHIFT_BITS)) * float(so)))
    limits = np.iinfo(y.dtype)

    def square(a: Integers, b: Integers) -> Integers:
        left, right = (a - z1) << LEFT_SHIFT_BITS, (b - z2) << LEFT_SHIFT_BITS
        raw = multiplied(left, *first) - multiplied(right, *second)
        return np.clip(multiplied(wrapped(raw * raw), *last) + zo, limits.min, limits.max)

    return square


PAGE = Page(
    operator=SquaredDifference,
    tflite=(TfliteForm("SQUARED_DIFFERENCE", 2, lambda layer: SquaredDifference()),),
    onnx=(),
    own=NO_OWN_FORM,
    real=real,
    constants=alike(fixed_point),
    quantized=pairs_step,
    float32=elementwise(real),
    plain=plain_integers(lambda a, b: (a - b) * (a - b)),
    macs=no_macs,
    unit="vector unit",
)
