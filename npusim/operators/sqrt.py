"""sqrt: the square root.

On integers LiteRT computes it in float32 and cuts the fraction off; an x below the zero point,
which stops that runtime, gives the zero point here. Other rules round a table made in float32.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.graph.network import Network, Node
from npusim.operators.forms.onnx import OnnxForm, reads
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.alike import NOT_IN_ONNXRUNTIME
from npusim.operators.kinds.functions import (
    function_page,
    in_range_of_output,
    values_of_input,
)
from npusim.operators.kinds.table import Table, float32_table
from npusim.operators.kinds.unary import Unary
from npusim.operators.kinds.wide import Values, require_no_zero_point, require_types
from npusim.operators.page import PerRuntime
from npusim.runtimes.fixed_point import Integers
from npusim.runtimes.requantization import affine


@dataclass(frozen=True)
class Sqrt(Unary):
    """The square root."""


def single(operator: Sqrt, x: NDArray) -> NDArray:
    """Return the square root, in x's type."""
    return np.sqrt(x)


def whole_steps(network: Network, node: Node) -> Values:
    """Return the function of x as an integer stands in the tensor, before it is clamped."""
    x, y = network.inputs_of(node)[0], network.output_of(node)
    (sx, zx), (so, zo) = affine(node, x), affine(node, y)

    def steps(values: Integers) -> NDArray[np.int64]:
        real = sx * np.maximum(values - zx, 0).astype(np.float32)
        return np.asarray((np.sqrt(real) / so).astype(np.int64) + zo)

    return steps


def table(network: Network, node: Node) -> Table:
    """Return LiteRT's results on 8 bits."""
    found = whole_steps(network, node)(values_of_input(network, node))
    return in_range_of_output(network, node, np.asarray(found))


def wide(network: Network, node: Node) -> Values:
    """Return LiteRT's results on int16."""
    x, y = network.inputs_of(node)[0], network.output_of(node)
    require_types(node, {"x": x, "y": y}, ("int16", "int16"))
    require_no_zero_point(node, x, y)
    steps = whole_steps(network, node)
    return lambda values: np.minimum(steps(values), np.iinfo(np.int16).max)


rounded = float32_table(single)

PAGE = function_page(
    Sqrt,
    (TfliteForm("SQRT", 1, lambda layer: Sqrt()),),
    single,
    onnx=(OnnxForm("Sqrt", reads(lambda node: Sqrt())),),
    constants=PerRuntime(
        litert=table,
        litert_opt=table,
        xnnpack=table,
        onnxruntime=NOT_IN_ONNXRUNTIME,
        tosa=rounded,
        integer=rounded,
    ),
    wide=wide,
)
