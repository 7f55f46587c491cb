"""Constant factors around float matrix products, as onnxruntime multiplies: behind, at once.

It makes one factor of every Mul and Div by one constant that stands before or behind a MatMul, a
divisor's being its reciprocal in float32, and multiplies the sums. Source: onnxruntime 1.31,
core/optimizer/matmul_scale_fusion.cc.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from npusim.formats.onnx.nodes import OnnxNode


def factors_behind(
    nodes: Sequence[OnnxNode], constants: dict[str, NDArray], outputs: Collection[str]
) -> list[OnnxNode]:
    """Return the nodes, one Mul behind each MatMul that constant factors stand around."""
    readers = Counter(name for node in nodes for name in node.inputs)
    readers.update(outputs)
    producer = {name: node for node in nodes for name in node.outputs}
    reader = {name: node for node in nodes for name in node.inputs if readers[name] == 1}
    found = list(nodes)
    for product in [n for n in nodes if n.kind == "MatMul" and not n.domain]:
        if len(product.inputs) != 2 or len(product.outputs) != 1:
            continue
        factor, gone, inputs, output = np.float32(1), [], list(product.inputs), product.outputs[0]
        for index, name in enumerate(product.inputs):
            before = producer.get(name)
            scaled = None if before is None or readers[name] != 1 else _factor(before, constants)
            if scaled is not None and before is not None:
                factor, inputs[index] = np.float32(factor * scaled[1]), scaled[0]
                gone.append(before)
        behind = reader.get(output)
        scaled = None if behind is None else _factor(behind, constants)
        if scaled is not None and behind is not None and scaled[0] == output:
            factor = np.float32(factor * scaled[1])
            gone.append(behind)
            output = behind.outputs[0]
        if not gone:
            continue
        name, sums = f"{product.name}:factor", f"{product.outputs[0]}:sums"
        constants[name] = np.asarray(factor)
        made = [
            replace(product, inputs=tuple(inputs), outputs=(sums,)),
            OnnxNode(name, "", "Mul", (sums, name), (output,), group=product.group),
        ]
        found = [node for node in found if not any(node is one for one in gone)]
        place = next(i for i, node in enumerate(found) if node is product)
        found[place : place + 1] = made
    return found


def _factor(node: OnnxNode, constants: dict[str, NDArray]) -> tuple[str, np.float32] | None:
    """Return what a node multiplies by one constant, and that, or None where it does not."""
    if node.domain or node.kind not in ("Mul", "Div") or len(node.inputs) != 2:
        return None
    for name, other in (node.inputs, node.inputs[::-1]):
        value = constants.get(other)
        if value is None or value.dtype != np.float32 or value.shape not in ((), (1,)):
            continue
        if name in constants:
            return None
        if node.kind == "Mul":
            return name, np.float32(value.item())
        if other == node.inputs[1] and value.item():
            return name, np.float32(1) / np.float32(value.item())
        return None
    return None
