"""cast: numbers in another type, integers as they stand."""

from __future__ import annotations

from dataclasses import dataclass, replace

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
from npusim.operators.kinds.float32 import by_runtime
from npusim.operators.kinds.unary import Unary
from npusim.operators.page import Step
from npusim.words import Rule


@dataclass(frozen=True)
class Cast(Unary):
    """x in the output's type: fractions cut off, true is 1; integers wrap."""


def real(operator: Cast, x: NDArray) -> NDArray:
    """Return x: the value stays."""
    return x


def _step(network: Network, node: Node) -> Step:
    dtype = network.output_of(node).dtype

    def step(threads: int, x: NDArray) -> NDArray:
        with np.errstate(invalid="ignore"):
            return x.astype(dtype)

    return step


def saturated(network: Network, node: Node, rule: Rule) -> Step:
    """Return the step on float32 as LiteRT has it since 2.0: integers end where their type does."""
    dtype = network.output_of(node).dtype
    if dtype.kind not in "iu":
        return _step(network, node)
    ends = np.iinfo(dtype)

    def step(threads: int, x: NDArray) -> NDArray:
        above, below = x >= float(ends.max), x <= float(ends.min)
        inside = np.where(above | below, np.float32(0), x).astype(dtype)
        return np.where(above, ends.max, np.where(below, ends.min, inside)).astype(dtype)

    return step


def wrapped(network: Network, node: Node, rule: Rule) -> Step:
    """Return the step on float32 as onnxruntime has it: the processor's conversion."""
    return _step(network, node)


FLOAT = 1
"""float32's number in .onnx files."""


def _read_onnx(b: Builder, node: OnnxNode) -> None:
    from npusim.formats.onnx.tensors import dtype_of

    x = b.value(node, 0)
    dtype = dtype_of(node.integer("to", FLOAT), node.name)
    if dtype.name not in DTYPES:
        raise UnsupportedError(f"{node.name} (Cast): {dtype} values")
    if dtype == b.tensors[x].dtype:
        return b.emit_identity(node)
    b.emit(node.name, Cast(), (x,), node.outputs[0], dtype)
    return None


PAGE = replace(
    any_type_page(
        Cast,
        (TfliteForm("CAST", 1, lambda layer: Cast()),),
        real,
        _step,
        onnx=(OnnxForm("Cast", _read_onnx),),
    ),
    float32=by_runtime(saturated, onnxruntime=wrapped),
)
