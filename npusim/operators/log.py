"""log: the natural logarithm.

On integers a table made in float32; what has no logarithm becomes the least output.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.graph.network import Network, Node
from npusim.operators.forms.onnx import OnnxForm, reads
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.alike import alike
from npusim.operators.kinds.functions import function_page
from npusim.operators.kinds.table import Table, float32_table, int16_table
from npusim.operators.kinds.unary import Unary
from npusim.operators.kinds.wide import Values
from npusim.runtimes.requantization import affine


@dataclass(frozen=True)
class Log(Unary):
    """The natural logarithm of x."""


def single(operator: Log, x: NDArray) -> NDArray:
    """Return the logarithm, in x's type."""
    return np.log(x.astype(np.float64)).astype(x.dtype)


def bounded(network: Network, node: Node) -> Callable[[Any, NDArray], NDArray]:
    """Return the function that LiteRT tabulates (elementwise.cc, LogLUTPrepare)."""
    y = network.output_of(node)
    so, zo = affine(node, y)
    least = np.float32(np.iinfo(y.dtype).min - zo) * so
    return lambda operator, x: np.where(
        x <= 0, least, single(operator, np.where(x <= 0, np.float32(1), x))
    )


def table(network: Network, node: Node, mode: str = "") -> Table:
    """Return TFLite's table of 8 bits."""
    return float32_table(bounded(network, node))(network, node)


def wide(network: Network, node: Node) -> Values:
    """Return TFLite's table of int16."""
    return int16_table(bounded(network, node))(network, node)


PAGE = function_page(
    Log,
    (TfliteForm("LOG", 1, lambda layer: Log()),),
    single,
    constants=alike(table),
    wide=wide,
    onnx=(OnnxForm("Log", reads(lambda node: Log())),),
)
