"""cast: numbers in another type, integers as they stand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.errors import UnsupportedError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.network import Network, Node
from npusim.graph.tensor import DTYPES
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.any_type import any_type_page
from npusim.operators.kinds.unary import Unary
from npusim.operators.page import Step


@dataclass(frozen=True)
class Cast(Unary):
    """x in the output's type: fractions cut off, integers wrapped, true is 1."""


def real(operator: Cast, x: NDArray) -> NDArray:
    """Return x: the value stays."""
    return x


def _step(network: Network, node: Node) -> Step:
    dtype = network.output_of(node).dtype

    def step(threads: int, x: NDArray) -> NDArray:
        with np.errstate(invalid="ignore"):
            return x.astype(dtype)

    return step


FLOAT = 1
"""float32's number in .onnx files."""


def _read_onnx(b: Builder, node: OnnxNode) -> None:
    from npusim.formats.onnx.tensors import dtype_of

    x = b.value(node, 0)
    dtype = dtype_of(node.integer("to", FLOAT), node.name)
    if dtype.name == "float16":
        raise UnsupportedError(f"{node.name} (Cast): float16 values")
    if dtype.name not in DTYPES:
        raise UnsupportedError(f"{node.name} (Cast): {dtype} values")
    if dtype == b.tensors[x].dtype:
        return b.emit_identity(node)
    b.emit(node.name, Cast(), (x,), node.outputs[0], dtype)
    return None


PAGE = any_type_page(
    Cast,
    (TfliteForm("CAST", 1, lambda layer: Cast()),),
    real,
    _step,
    onnx=(OnnxForm("Cast", _read_onnx),),
)
