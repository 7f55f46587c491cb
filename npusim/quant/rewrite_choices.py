"""Choices in the operators that quantized networks have: the greater, the greatest, one of two.

The greater of a and b is b + max(a - b, 0). The greatest along axes is a maximum pool of them, laid
side by side; the least is that of -x. Which of two where a constant says so is a sum of both, each
times 0 where it is not taken.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from npusim import operators as op
from npusim.graph.network import Node
from npusim.graph.tensor import Tensor
from npusim.operators.maximum import Maximum
from npusim.operators.minimum import Minimum
from npusim.operators.reduce_max import ReduceMax
from npusim.operators.select import Select
from npusim.quant.rewrite_conditions import by_computed, finite
from npusim.quant.rewriting import FLOAT, Rewriting, Writer


def _negative(r: Rewriting, name: str, x: str, to: str = "") -> str:
    minus = r.constant(f"{name}:minus", np.full((1,) * max(len(r.shape(x)), 1), -1.0))
    return r.emit(f"{name}:negative", op.Mul(), x, minus, to=to)


def _extreme(r: Rewriting, node: Node) -> bool:
    low, high = (0.0, None) if isinstance(node.operator, Maximum) else (None, 0.0)
    a, b = node.inputs
    if r.data(a) is not None:
        a, b = b, a
    known = r.data(b)
    if r.data(a) is not None:
        return False
    name, output = node.name, node.outputs[0]
    if known is not None and known.size == 1 and r.shape(output) == r.shape(a):
        value = float(known.ravel()[0])
        ends = (value, None) if isinstance(node.operator, Maximum) else (None, value)
        r.emit(name, op.Clip(*ends), a, to=output)
        return True
    if known is not None:
        shape = known.shape or (1,)
        b = r.constant(f"{name}:bound", known.reshape(shape))
        negative = r.constant(f"{name}:negative", -known.reshape(shape))
    else:
        negative = _negative(r, name, b)
    difference = r.emit(f"{name}:difference", op.Add(), a, negative)
    kept = r.emit(f"{name}:kept", op.Clip(low, high), difference)
    r.emit(name, op.Add(), kept, b, to=output)
    return True


def _greatest(r: Rewriting, node: Node) -> bool:
    operator: Any = node.operator
    x, output, name = node.inputs[0], node.outputs[0], node.name
    shape = r.shape(x)
    if 0 in operator.axes or not shape:
        return False
    if operator.least:
        x = _negative(r, f"{name}:before", x)
    kept = [axis for axis in range(1, len(shape)) if axis not in operator.axes]
    x = r.transposed(f"{name}:turned", x, (0, *kept, *operator.axes))
    count = prod(shape[axis] for axis in operator.axes)
    side = (shape[0], prod(shape[axis] for axis in kept), count, 1)
    x = r.emit(f"{name}:rows", op.Reshape(side), x)
    y = r.emit(f"{name}:pool", op.MaxPool(op.Window((1, count), (1, count))), x)
    if operator.least:
        y = _negative(r, f"{name}:after", y)
    r.emit(name, op.Reshape(r.shape(output)), y, to=output)
    return True


def _chosen(r: Rewriting, node: Node) -> bool:
    operator: Any = node.operator
    condition, *values = node.inputs
    known, output = r.data(condition), node.outputs[0]
    if operator.by_rows:
        return False
    if known is None:
        return by_computed(r, node)
    mask = known.astype(np.float32).reshape(known.shape or (1,))
    parts = []
    for side, x, taken in zip("ab", values, (mask, 1 - mask), strict=True):
        name, data = f"{node.name}:{side}", r.data(finite(r, x))
        if data is not None:
            parts.append(r.constant(f"{name}:part", np.where(taken, data, 0)))
            continue
        factor = r.constant(f"{name}:mask", taken)
        r.tensors[f"{name}:value"] = Tensor(f"{name}:value", r.shape(output), FLOAT)
        parts.append(f"{name}:value")
        r.nodes.append(Node(name, op.Mul(), (x, factor), (parts[-1],)))
    r.emit(node.name, op.Add(), *parts, to=output)
    return True


CHOICES: dict[type[op.Operator], Writer] = {
    Maximum: _extreme,
    Minimum: _extreme,
    ReduceMax: _greatest,
    Select: _chosen,
}
