"""rsqrt: one over the square root.

On int8 TFLite computes it in fixed point, five Newton steps, on int16 by a table made in float32;
an x at the zero point gives the greatest output, and one below it stops the runtime.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.errors import RangeError
from npusim.graph.network import Network, Node
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.alike import alike
from npusim.operators.kinds.float32 import elementwise
from npusim.operators.kinds.functions import (
    NO_INTEGERS,
    in_range_of_output,
    values_of_input,
)
from npusim.operators.kinds.table import Table, int16_table, table_step
from npusim.operators.kinds.unary import Unary
from npusim.operators.kinds.wide import Values, by_width
from npusim.operators.page import NO_OWN_FORM, Page, Step, no_macs
from npusim.runtimes.fixed_point import inverse_square_root, multiplied
from npusim.runtimes.requantization import affine, quantize_multiplier

FRACTION_BITS = 20


@dataclass(frozen=True)
class Rsqrt(Unary):
    """1 / sqrt(x)."""


def single(operator: Rsqrt, x: NDArray) -> NDArray:
    """Return one over the root, in x's type."""
    return x.dtype.type(1) / np.sqrt(x)


def fixed_point(network: Network, node: Node, mode: str = "") -> Table:
    """Return TFLite's table (elementwise.cc, RsqrtEvalQuantizedInt8)."""
    (sx, zx), (so, zo) = (
        affine(node, network.inputs_of(node)[0]),
        affine(node, network.output_of(node)),
    )
    multiplier, exponent = quantize_multiplier(1 / float(np.sqrt(sx) * so))
    greatest = np.iinfo(network.output_of(node).dtype).max
    outputs = []
    for value in values_of_input(network, node) - zx:
        if value <= 0:
            outputs.append(greatest)
            continue
        inverse, shift = inverse_square_root(int(value))
        root = multiplied(np.array(1), inverse, shift + FRACTION_BITS)
        outputs.append(int(multiplied(root, multiplier, exponent - FRACTION_BITS)) + zo)
    return in_range_of_output(network, node, np.array(outputs, np.int64))


def wide(network: Network, node: Node) -> Values:
    """Return TFLite's table of int16 (elementwise.cc, GenericPrepare)."""
    y = network.output_of(node)
    most = np.float32(np.iinfo(np.int16).max) * affine(node, y)[0]

    def bounded(operator: Rsqrt, x: NDArray) -> NDArray:
        return np.where(x > 0, single(operator, np.where(x > 0, x, np.float32(1))), most)

    return int16_table(bounded)(network, node)


def step(network: Network, node: Node, table: Table | Values) -> Step:
    """Return the step on integers; an x below the zero point raises RangeError."""
    look_up = table_step(network, node, table)
    zero = affine(node, network.inputs_of(node)[0])[1]

    def run(threads: int, x: NDArray) -> NDArray:
        if (x < zero).any():
            raise RangeError(f"{node.name}: the root of a number below 0")
        y: NDArray = look_up(threads, x)
        return y

    return run


PAGE = Page(
    operator=Rsqrt,
    tflite=(TfliteForm("RSQRT", 1, lambda layer: Rsqrt()),),
    onnx=(),
    own=NO_OWN_FORM,
    real=single,
    constants=by_width(alike(fixed_point), wide),
    quantized=step,
    float32=elementwise(single),
    plain=NO_INTEGERS,
    macs=no_macs,
    unit="vector unit",
)
