"""ONNX's operators element by element, and their choices, on the pages that .tflite files use too.

Values are of any type; what broadcasts does so. Operators that ONNX alone has say their ONNX name
on their own page.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx

from npusim.errors import UnsupportedError
from npusim.formats.onnx.movements import axis_of, identity
from npusim.formats.onnx.records import OnnxNode, dtype_of
from npusim.graph.operator import Operator
from npusim.graph.tensor import DTYPES
from npusim.operators.abs import Abs
from npusim.operators.arg_max import ArgMax
from npusim.operators.cast import Cast
from npusim.operators.ceil import Ceil
from npusim.operators.comparison import Comparison
from npusim.operators.cos import Cos
from npusim.operators.div import Div
from npusim.operators.elu import Elu
from npusim.operators.exp import Exp
from npusim.operators.floor import Floor
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.gelu import Gelu
from npusim.operators.log import Log
from npusim.operators.logical import Logical
from npusim.operators.logical_not import LogicalNot
from npusim.operators.maximum import Maximum
from npusim.operators.minimum import Minimum
from npusim.operators.neg import Neg
from npusim.operators.reshape import Reshape
from npusim.operators.round import Round
from npusim.operators.select import Select
from npusim.operators.sign import Sign
from npusim.operators.sin import Sin
from npusim.operators.sqrt import Sqrt
from npusim.operators.sub import Sub

TRUTH = np.dtype(np.bool_)

OPERATORS: dict[str, tuple[Operator, int, np.dtype | None]] = {
    "Sub": (Sub(), 2, None),
    "Div": (Div(), 2, None),
    "Abs": (Abs(), 1, None),
    "Neg": (Neg(), 1, None),
    "Sqrt": (Sqrt(), 1, None),
    "Exp": (Exp(), 1, None),
    "Log": (Log(), 1, None),
    "Floor": (Floor(), 1, None),
    "Ceil": (Ceil(), 1, None),
    "Round": (Round(), 1, None),
    "Sign": (Sign(), 1, None),
    "Sin": (Sin(), 1, None),
    "Cos": (Cos(), 1, None),
    "Not": (LogicalNot(), 1, TRUTH),
    "And": (Logical("and"), 2, TRUTH),
    "Or": (Logical("or"), 2, TRUTH),
    "Xor": (Comparison("not_equal"), 2, TRUTH),
    "Equal": (Comparison("equal"), 2, TRUTH),
    "Greater": (Comparison("greater"), 2, TRUTH),
    "GreaterOrEqual": (Comparison("greater_equal"), 2, TRUTH),
    "Less": (Comparison("less"), 2, TRUTH),
    "LessOrEqual": (Comparison("less_equal"), 2, TRUTH),
}
"""Name -> the operator, how many values it takes, and its output's type where that is its own."""


def _plain(operator: Operator, count: int, dtype: np.dtype | None) -> Callable[..., None]:
    def read(b: Builder, node: OnnxNode) -> None:
        values = tuple(b.value(node, index) for index in range(count))
        b.emit(node.name, operator, values, node.outputs[0], dtype)

    return read


def _extreme(b: Builder, node: OnnxNode) -> None:
    """Min or Max of any number of values, two at a time."""
    operator = Maximum() if node.kind == "Max" else Minimum()
    values = [b.value(node, index) for index in range(len(node.inputs))]
    if len(values) == 1:
        return identity(b, node)
    result = values[0]
    for index, value in enumerate(values[1:], start=1):
        last = index == len(values) - 1
        output = node.outputs[0] if last else b.free(f"{node.outputs[0]}:{index}")
        name = node.name if last else f"{node.name}:{index}"
        result = b.emit(name, operator, (result, value), output)
    return None


def _where(b: Builder, node: OnnxNode) -> None:
    values = tuple(b.value(node, index) for index in range(3))
    chosen = b.tensors[values[1]]
    b.emit(node.name, Select(), values, node.outputs[0], chosen.dtype, chosen.quantization)


def _cast(b: Builder, node: OnnxNode) -> None:
    x = b.value(node, 0)
    dtype = dtype_of(node.integer("to", onnx.TensorProto.FLOAT), node.name)
    if dtype.name == "float16":
        raise UnsupportedError(f"{node.name} (Cast): float16 values")
    if dtype.name not in DTYPES:
        raise UnsupportedError(f"{node.name} (Cast): {dtype} values")
    if dtype == b.tensors[x].dtype:
        return identity(b, node)
    b.emit(node.name, Cast(), (x,), node.outputs[0], dtype)
    return None


def _arg_extreme(b: Builder, node: OnnxNode) -> None:
    x = b.value(node, 0)
    shape = b.shape(x)
    axis = axis_of(node, 0, len(shape))
    if node.integer("select_last_index", 0):
        raise UnsupportedError(f"{node.name} ({node.kind}): select_last_index")
    operator = ArgMax(axis, node.kind == "ArgMin")
    int64 = np.dtype(np.int64)
    if not node.integer("keepdims", 1):
        b.emit(node.name, operator, (x,), node.outputs[0], int64)
        return
    flat = b.free(f"{node.outputs[0]}:without_axis")
    b.emit(node.name, operator, (x,), flat, int64)
    kept = (*shape[:axis], 1, *shape[axis + 1 :])
    b.emit(f"{node.name}:keepdims", Reshape(kept), (flat,), node.outputs[0])


def _elu(b: Builder, node: OnnxNode) -> None:
    if node.number("alpha", 1.0) != 1:
        raise UnsupportedError(f"{node.name} (Elu): expected alpha 1")
    b.emit(node.name, Elu(), (b.value(node, 0),), node.outputs[0])


def _gelu(b: Builder, node: OnnxNode) -> None:
    operator = Gelu(node.attributes.get("approximate", "none") == "tanh")
    b.emit(node.name, operator, (b.value(node, 0),), node.outputs[0])


def _reciprocal(b: Builder, node: OnnxNode) -> None:
    one = b.store(f"{node.name}:one", np.ones((), np.float32))
    b.emit(node.name, Div(), (one, b.value(node, 0)), node.outputs[0])


ELEMENTS: dict[str, Callable[[Builder, OnnxNode], None]] = {
    **{name: _plain(*what) for name, what in OPERATORS.items()},
    "Elu": _elu,
    "Gelu": _gelu,
    "Reciprocal": _reciprocal,
    "Max": _extreme,
    "Min": _extreme,
    "Where": _where,
    "Cast": _cast,
    "ArgMax": _arg_extreme,
    "ArgMin": _arg_extreme,
}
