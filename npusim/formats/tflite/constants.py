"""Operators on constants alone: computed when the file is read, as the runtime does.

Converters leave arithmetic on shapes in their files (SHAPE, STRIDED_SLICE, PACK, then RESHAPE).
Computed here is what is the same under every rule: operators on plain integers and truth values,
and those that take values as they stand, whatever the type.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from math import prod

import numpy as np
from numpy.typing import NDArray

from npusim.errors import FormatError, UnsupportedError
from npusim.formats.tflite.records import OperatorRecord, TensorRecord
from npusim.graph.network import Network, Node
from npusim.graph.tensor import Tensor, same_quantization
from npusim.operators.constant import Constant
from npusim.operators.forms.tflite import constant_data
from npusim.operators.page import Absent, Page
from npusim.operators.pages import PAGE_OF

DENSIFY = "DENSIFY"


def computed(
    node: Node, tensors: dict[str, Tensor], outputs: list[TensorRecord]
) -> list[TensorRecord] | None:
    """Return the outputs of a node with their values, None where they are not known yet.

    `tensors` are all that the node reads and writes.
    """
    page = PAGE_OF.get(type(node.operator))
    read = [tensors[name] for name in node.inputs]
    if page is None or isinstance(page.plain, Absent) or not all(x.is_constant for x in read):
        return None
    if not (isinstance(node.operator, Constant) or _is_alike_everywhere(page, tensors.values())):
        return None
    alone = Network(node.name, "tflite", (node,), tensors, (), node.outputs)
    values = page.plain(alone, node)(1, *(x.data for x in read))
    values = values if isinstance(values, tuple) else (values,)
    return [
        replace(output, data=np.ascontiguousarray(value).reshape(-1).view(np.uint8))
        for output, value in zip(outputs, values, strict=True)
    ]


def widened(operator: OperatorRecord, records: list[TensorRecord]) -> TensorRecord | None:
    """Return the output of a DENSIFY, or of a DEQUANTIZE of constants, as constants.

    Sparse constants are dense by then. None of any other operator.
    """
    x = records[operator.inputs[0]] if operator.inputs else None
    if operator.kind == DENSIFY:
        if x is None or x.data is None:
            raise UnsupportedError(f"{operator.name}: expected sparse constants, found none")
        return replace(records[operator.outputs[0]], shape=x.shape, dtype=x.dtype, data=x.data)
    if operator.kind != "DEQUANTIZE" or x is None or x.data is None:
        return None
    values = _halves(x) if x.dtype == "FLOAT16" else _reals(x)
    if values is None:
        return None
    written = records[operator.outputs[0]]
    return replace(written, shape=x.shape, data=np.ravel(values).view(np.uint8))


def _halves(x: TensorRecord) -> NDArray[np.float32]:
    """Return constants of float16 as float32."""
    size = prod(x.shape)
    if any(n < 1 for n in x.shape) or x.data is None or len(x.data) != 2 * size:
        found = 0 if x.data is None else len(x.data)
        raise FormatError(
            f"{x.name}: float16 {list(x.shape)} needs {2 * size} bytes, found {found}"
        )
    return np.frombuffer(x.data.tobytes(), np.float16).astype(np.float32)


def _reals(x: TensorRecord) -> NDArray[np.float32] | None:
    """Return what quantized constants stand for; None where a tensor has no such scales."""
    if x.dtype not in ("int8", "uint8", "int16") or len(x.zero_point) != len(x.scale):
        return None
    if len(x.scale) != 1 and x.shape[x.axis : x.axis + 1] != (len(x.scale),):
        return None
    along = [-1 if axis == x.axis and len(x.scale) > 1 else 1 for axis in range(len(x.shape))]
    scale, zero_point = x.scale.reshape(along), x.zero_point.reshape(along)
    return np.asarray((constant_data(x) - zero_point).astype(np.float32) * scale, np.float32)


def _is_alike_everywhere(page: Page, tensors: Collection[Tensor]) -> bool:
    """Return whether the results are the same under every rule."""
    scaled = [tensor for tensor in tensors if tensor.quantization is not None]
    if not scaled and not any(tensor.is_float for tensor in tensors):
        return True
    takes_any_type = isinstance(page.constants, Absent) and not isinstance(page.quantized, Absent)
    return takes_any_type and all(same_quantization(scaled[0], tensor) for tensor in scaled)
