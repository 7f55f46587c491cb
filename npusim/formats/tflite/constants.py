"""Operators on constants alone: computed when the file is read, as the runtime does.

Converters leave arithmetic on shapes in their files (SHAPE, STRIDED_SLICE, PACK, then RESHAPE).
Only plain integers and truth values are computed here: their results are the same under every rule.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from npusim.formats.tflite.records import TensorRecord
from npusim.graph.network import Network, Node
from npusim.graph.tensor import Tensor
from npusim.operators.constant import Constant
from npusim.operators.page import Absent
from npusim.operators.pages import PAGE_OF


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
    if not isinstance(node.operator, Constant) and not all(map(_is_plain, tensors.values())):
        return None
    alone = Network(node.name, "tflite", (node,), tensors, (), node.outputs)
    values = page.plain(alone, node)(1, *(x.data for x in read))
    values = values if isinstance(values, tuple) else (values,)
    return [
        replace(output, data=np.ascontiguousarray(value).reshape(-1).view(np.uint8))
        for output, value in zip(outputs, values, strict=True)
    ]


def _is_plain(tensor: Tensor) -> bool:
    return tensor.quantization is None and not tensor.is_float
