"""elu: x where it is above 0, alpha (e^x - 1) elsewhere.

On 8-bit values a table made in float32, under every set of kernels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.errors import UnsupportedError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.kernels import unfused
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.forms.own import Field
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.alike import alike
from npusim.operators.kinds.functions import function_page
from npusim.operators.kinds.table import float32_table
from npusim.operators.kinds.unary import Unary
from npusim.runtimes.elementary import expm1


@dataclass(frozen=True)
class Elu(Unary):
    """X where it is above 0, alpha (e^x - 1) elsewhere."""

    alpha: float = 1.0


def single(operator: Elu, x: NDArray) -> NDArray:
    """Return the function, in x's type."""
    below = expm1(x.astype(np.float64)).astype(x.dtype) * x.dtype.type(operator.alpha)
    return np.where(x < 0, below, x)


def single_onnxruntime(operator: Elu, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the same as onnxruntime has it."""
    return np.where(x >= 0, x, np.float32(operator.alpha) * (unfused.exp(x) - np.float32(1)))


def _read(b: Builder, node: OnnxNode) -> None:
    alpha = node.number("alpha", 1.0)
    if alpha == 0:
        raise UnsupportedError(f"{node.name} (Elu): alpha 0, which is Relu, is not supported")
    b.emit(node.name, Elu(alpha), (b.value(node, 0),), node.outputs[0])


ALPHA = Field(
    lambda operator, x: {
        "alpha": 0.0 if operator.alpha == 1 else float(np.float32(operator.alpha))
    },
    lambda call: {"alpha": call.node.number("alpha", 0.0) or 1.0},
)
"""In npusim's own files 0 stands for 1."""

PAGE = function_page(
    Elu,
    (TfliteForm("ELU", 1, lambda layer: Elu()),),
    single,
    single_onnxruntime=single_onnxruntime,
    constants=alike(float32_table(single), float32_table(single, to_even=True)),
    onnx=(OnnxForm("Elu", _read),),
    fields=(ALPHA,),
)
