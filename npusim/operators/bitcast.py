"""bitcast: the same bits as another type of the same width."""

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
class Bitcast(Unary):
    """x's bits, read as the output's type."""


def real(operator: Bitcast, x: NDArray) -> NDArray:
    """Return x: which type its bits become is the output tensor's."""
    return x


def _step(network: Network, node: Node) -> Step:
    x, y = network.inputs_of(node)[0], network.output_of(node)
    if x.dtype.itemsize != y.dtype.itemsize:
        raise UnsupportedError(
            f"{node.name}: expected {x.dtype} and {y.dtype} of one width, found "
            f"{x.dtype.itemsize} and {y.dtype.itemsize} bytes"
        )
    return lambda threads, x: np.asarray(x, order="C").view(y.dtype)


def _read_onnx(b: Builder, node: OnnxNode) -> None:
    from npusim.formats.onnx.tensors import dtype_of

    x = b.value(node, 0)
    dtype = dtype_of(node.integer("to", 0), node.name)
    if dtype.name not in DTYPES:
        raise UnsupportedError(f"{node.name} (BitCast): {dtype} values")
    if dtype == b.tensors[x].dtype:
        return b.emit_identity(node)
    b.emit(node.name, Bitcast(), (x,), node.outputs[0], dtype)
    return None


PAGE = any_type_page(
    Bitcast,
    (TfliteForm("BITCAST", 1, lambda layer: Bitcast()),),
    real,
    _step,
    onnx=(OnnxForm("BitCast", _read_onnx),),
)
