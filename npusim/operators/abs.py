"""abs: the magnitude of x.

On integers TFLite takes the magnitude of x - z and brings it to the scale of the output, where that
differs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.graph.network import Network, Node
from npusim.operators.forms.onnx import OnnxForm, reads
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.alike import alike
from npusim.operators.kinds.functions import (
    function_page,
    in_range_of_output,
    plain_function,
    values_of_input,
)
from npusim.operators.kinds.table import Table
from npusim.operators.kinds.unary import Unary
from npusim.operators.kinds.wide import Values, require_no_zero_point, require_types
from npusim.runtimes.fixed_point import Integers, multiplied
from npusim.runtimes.requantization import affine, quantize_multiplier


@dataclass(frozen=True)
class Abs(Unary):
    """The magnitude of x."""


def single(operator: Abs, x: NDArray) -> NDArray:
    """Return the magnitude, in x's type."""
    return np.abs(x)


def fixed_point(network: Network, node: Node, mode: str = "") -> Table:
    """Return TFLite's table (elementwise.cc, AbsEvalQuantized)."""
    (sx, zx), (so, zo) = (
        affine(node, network.inputs_of(node)[0]),
        affine(node, network.output_of(node)),
    )
    magnitudes = np.abs(values_of_input(network, node) - zx)
    if sx != so:
        magnitudes = multiplied(magnitudes, *quantize_multiplier(float(sx / so)))
    return in_range_of_output(network, node, magnitudes + zo)


def wide(network: Network, node: Node) -> Values:
    """Return the same of int16."""
    x, y = network.inputs_of(node)[0], network.output_of(node)
    require_types(node, {"x": x, "y": y}, ("int16", "int16"))
    require_no_zero_point(node, x, y)
    sx, so = affine(node, x)[0], affine(node, y)[0]
    ratio = quantize_multiplier(float(sx / so))

    def magnitudes(v: Integers) -> NDArray[np.int64]:
        scaled = np.abs(v) if sx == so else multiplied(np.abs(v), *ratio)
        return np.minimum(scaled, np.iinfo(np.int16).max)

    return magnitudes


PAGE = function_page(
    Abs,
    (TfliteForm("ABS", 1, lambda layer: Abs()),),
    single,
    constants=alike(fixed_point),
    wide=wide,
    plain=plain_function(np.abs),
    onnx=(OnnxForm("Abs", reads(lambda node: Abs())),),
)
