"""Conditions and integers in the operators that quantized networks have: real values.

A truth value is 0 or 1. Whether a > b is the difference, made steep and cut to 0..1; both is a
product, at least one a sum that is cut; of two values by a computed condition m the choice is
m a + (1 - m) b. Integers that a network computes with, such as a mask of tokens, are real values;
only those that end as indices of a Gather stay what they are.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from npusim import operators as op
from npusim.graph.network import Network, Node
from npusim.graph.tensor import Tensor
from npusim.operators.cast import Cast
from npusim.operators.comparison import Comparison
from npusim.operators.gather import Gather
from npusim.operators.logical import Logical
from npusim.operators.logical_not import LogicalNot
from npusim.quant.rewriting import FLOAT, Rewriting, Writer

STEEP = float(1 << 20)
"""What a difference is multiplied by: one step of 8 bits is then above 1 in ranges to 2^12."""
UNIT = op.Clamp(0.0, 1.0)
FAR = 1e4
"""Stands for infinity where a value is made impossible: its exponential is 0 beside any other."""


def with_real_integers(network: Network) -> Network:
    """Return `network` with every integer that is no index as float32, constants too."""
    places = _indices(network)
    tensors = {
        name: tensor if name in places or tensor.is_float else _real(tensor)
        for name, tensor in network.tensors.items()
    }
    notes = [
        f"input {name}: its integers are real values here"
        for name in network.inputs
        if tensors[name].is_float and not network.tensors[name].is_float
    ]
    return replace(network, tensors=tensors, notes=(*network.notes, *notes))


def _real(tensor: Tensor) -> Tensor:
    data = None if tensor.data is None else tensor.data.astype(np.float32)
    return replace(tensor, dtype=FLOAT, quantization=None, data=data)


def _indices(network: Network) -> set[str]:
    """Return the tensors that are indices, or become some."""
    found: set[str] = set()
    for node in reversed(network.nodes):
        if isinstance(node.operator, Gather):
            found.add(node.inputs[1])
        if node.outputs[0] in found:
            found.update(x.name for x in network.inputs_of(node) if not x.is_float)
    return found


def _cast(r: Rewriting, node: Node) -> bool:
    (x,), (y,) = node.inputs, node.outputs
    if not r.tensors[x].is_float or not r.tensors[y].is_float:
        return False
    r.emit(node.name, op.Reshape(r.shape(x)), x, to=y)
    return True


def _number(r: Rewriting, name: str, value: float, beside: str) -> str:
    return r.constant(name, np.full((1,) * max(len(r.shape(beside)), 1), value))


def _less_from_one(r: Rewriting, name: str, x: str, to: str = "") -> str:
    """Append 1 - x."""
    minus = _number(r, f"{name}:minus", -1.0, x)
    negative = r.emit(f"{name}:negative", op.Mul(), x, minus)
    return r.emit(name, op.Add(UNIT), negative, _number(r, f"{name}:one", 1.0, x), to=to)


def _above_zero(r: Rewriting, name: str, x: str, sign: float, to: str = "") -> str:
    """Append whether sign * x > 0."""
    return r.emit(name, op.Mul(UNIT), x, _number(r, f"{name}:steep", sign * STEEP, x), to=to)


def _difference(r: Rewriting, name: str, a: str, b: str) -> str:
    known = r.data(b)
    if known is None:
        minus = _number(r, f"{name}:minus", -1.0, b)
        return r.emit(f"{name}:difference", op.Add(), a, r.emit(f"{name}:b", op.Mul(), b, minus))
    if not known.any() and known.size == 1 and len(known.shape) <= len(r.shape(a)):
        return a
    return r.emit(f"{name}:difference", op.Add(), a, r.constant(f"{name}:b", -np.atleast_1d(known)))


MIRRORED = {"less": "greater", "less_equal": "greater_equal", "greater": "less",
            "greater_equal": "less_equal"}  # fmt: skip


def _compare(r: Rewriting, node: Node) -> bool:
    operator: Any = node.operator
    (a, b), relation, name, y = node.inputs, operator.relation, node.name, node.outputs[0]
    if r.data(a) is not None:
        a, b, relation = b, a, MIRRORED.get(relation, relation)
    if r.data(a) is not None:
        return False
    d = _difference(r, name, a, b)
    if relation == "greater":
        _above_zero(r, name, d, 1.0, y)
    elif relation == "less":
        _above_zero(r, name, d, -1.0, y)
    elif relation in ("greater_equal", "less_equal"):
        sign = -1.0 if relation == "greater_equal" else 1.0
        _less_from_one(r, name, _above_zero(r, f"{name}:beyond", d, sign), y)
    else:
        up = _above_zero(r, f"{name}:up", d, 1.0)
        down = _above_zero(r, f"{name}:down", d, -1.0)
        if relation == "not_equal":
            r.emit(name, op.Add(UNIT), up, down, to=y)
        else:
            _less_from_one(r, name, r.emit(f"{name}:apart", op.Add(UNIT), up, down), y)
    return True


def _junction(r: Rewriting, node: Node) -> bool:
    operator: Any = node.operator
    joined = op.Mul() if operator.junction == "and" else op.Add(UNIT)
    r.emit(node.name, joined, *node.inputs, to=node.outputs[0])
    return True


def _not(r: Rewriting, node: Node) -> bool:
    _less_from_one(r, node.name, node.inputs[0], node.outputs[0])
    return True


def finite(r: Rewriting, name: str) -> str:
    """Return a value without infinities: those of a constant become `FAR`."""
    data = r.data(name)
    if data is None or np.isfinite(data).all():
        return name
    return r.constant(f"{name}:finite", np.nan_to_num(data, posinf=FAR, neginf=-FAR))


def by_computed(r: Rewriting, node: Node) -> bool:
    """Write a choice by a computed condition of real values."""
    condition, *values = node.inputs
    if not r.tensors[condition].is_float:
        return False
    other = _less_from_one(r, f"{node.name}:not", condition)
    parts = []
    for side, x, mask in zip("ab", values, (condition, other), strict=True):
        data = r.data(finite(r, x))
        if data is not None:
            x = r.constant(f"{node.name}:{side}:value", np.atleast_1d(data))
        parts.append(r.emit(f"{node.name}:{side}", op.Mul(), mask, x))
    r.emit(node.name, op.Add(), *parts, to=node.outputs[0])
    return True


CONDITIONS: dict[type[op.Operator], Writer] = {
    Cast: _cast,
    Comparison: _compare,
    Logical: _junction,
    LogicalNot: _not,
}
