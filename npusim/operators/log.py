"""log: the natural logarithm.

On int8 a table made in float32; what has no logarithm becomes the least output.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.graph.network import Network, Node
from npusim.operators.forms.onnx import OnnxForm, reads
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.alike import alike
from npusim.operators.kinds.functions import function_page
from npusim.operators.kinds.table import Table, float32_table
from npusim.operators.kinds.unary import Unary
from npusim.runtimes.requantization import affine


@dataclass(frozen=True)
class Log(Unary):
    """The natural logarithm of x."""


def single(operator: Log, x: NDArray) -> NDArray:
    """Return the logarithm, in x's type."""
    return np.log(x.astype(np.float64)).astype(x.dtype)


def table(network: Network, node: Node, mode: str = "") -> Table:
    """Return TFLite's table (elementwise.cc, LogLUTPrepare)."""
    y = network.output_of(node)
    so, zo = affine(node, y)
    least = np.float32(np.iinfo(y.dtype).min - zo) * so

    def bounded(operator: Log, x: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.where(x <= 0, least, single(operator, np.where(x <= 0, np.float32(1), x)))

    return float32_table(bounded)(network, node)


PAGE = function_page(
    Log,
    (TfliteForm("LOG", 1, lambda layer: Log()),),
    single,
    constants=alike(table),
    onnx=(OnnxForm("Log", reads(lambda node: Log())),),
)
