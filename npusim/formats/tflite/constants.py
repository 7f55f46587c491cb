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

from npusim.errors import FormatError, UnsupportedError
from npusim.formats.tflite.records import OperatorRecord, TensorRecord
from npusim.graph.network import Network, Node
from npusim.graph.tensor import Tensor, same_quantization
from npusim.operators.constant import Constant
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
    """Return the output of a DENSIFY, or of a DEQUANTIZE of float16 constants, as constants.

    Sparse constants are dense by then. None of any other operator.
    """
    x = records[operator.inputs[0]] if operator.inputs else None
    if operator.kind == DENSIFY:
        if x is None or x.data is None:
            raise UnsupportedError(f"{operator.name}: expected sparse constants, found none")
        return replace(records[operator.outputs[0]], shape=x.shape, dtype=x.dtype, data=x.data)
    if operator.kind != "DEQUANTIZE" or x is None or x.dtype != "FLOAT16" or x.data is None:
        return None
    size = prod(x.shape)
    if any(n < 1 for n in x.shape) or len(x.data) != 2 * size:
        raise FormatError(
            f"{x.name}: float16 {list(x.shape)} needs {2 * size} bytes, found {len(x.data)}"
        )
    values = np.frombuffer(x.data.tobytes(), np.float16).astype(np.float32)
    return replace(records[operator.outputs[0]], shape=x.shape, data=values.view(np.uint8))


def _is_alike_everywhere(page: Page, tensors: Collection[Tensor]) -> bool:
    """Return whether the results are the same under every rule."""
    scaled = [tensor for tensor in tensors if tensor.quantization is not None]
    if not scaled and not any(tensor.is_float for tensor in tensors):
        return True
    takes_any_type = isinstance(page.constants, Absent) and not isinstance(page.quantized, Absent)
    return takes_any_type and all(same_quantization(scaled[0], tensor) for tensor in scaled)
