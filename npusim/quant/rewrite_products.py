"""Sums of products in the operators that quantized networks have: matrix products.

An Einsum of two values is a product of matrices, its letters brought in order before and after. A
resize by linear or cubic weights is, along each axis, a dense layer whose weights are the shares. A
sum is a mean times the number of values.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim import operators as op
from npusim.graph.network import Node
from npusim.operators.einsum import Einsum
from npusim.operators.interpolate import Along, Interpolate
from npusim.operators.square import Square
from npusim.operators.sum import Sum
from npusim.quant.rewriting import Rewriting, Writer


def _einsum(r: Rewriting, node: Node) -> bool:
    operator: Any = node.operator
    if len(operator.operands) != 2 or any(len({*x}) < len(x) for x in operator.operands):
        return False
    (a, b), letters = node.inputs, operator.operands
    if r.data(a) is not None:
        (a, b), letters = (b, a), letters[::-1]
    first, second = letters
    known, result = r.data(b), operator.result
    both = [x for x in first if x in second]
    batch = [x for x in both if x in result]
    inner = [x for x in both if x not in result]
    left = [x for x in first if x not in second]
    right = [x for x in second if x not in first]
    if r.data(a) is not None or not inner or first[:1] != result[:1]:
        return False
    if not {*left, *right} <= {*result}:  # summed before the product
        return False
    if (known is not None) == bool(batch):
        return False
    if batch and (batch[0] != first[0] or second[:1] != first[:1]):
        return False
    size = dict(zip(first + second, r.shape(a) + r.shape(b), strict=True))
    outer = [size[x] for x in batch]
    counts = [prod(size[x] for x in part) for part in (left, inner, right)]
    name, output = node.name, node.outputs[0]
    rows = r.transposed(f"{name}:rows", a, tuple(first.index(x) for x in (*batch, *left, *inner)))
    if known is not None:
        lead = size[left[0]]
        rows = r.emit(f"{name}:matrix", op.Reshape((lead, counts[0] // lead, counts[1])), rows)
        order = [second.index(x) for x in (*right, *inner)]
        weights = known.transpose(order).reshape(counts[2], counts[1])
        y = r.emit(
            f"{name}:product", op.FullyConnected(keep_dims=True), rows,
            r.constant(f"{name}:weights", weights),
        )  # fmt: skip
    else:
        order = [second.index(x) for x in (*batch, *inner, *right)]
        columns = r.transposed(f"{name}:columns", b, tuple(order))
        rows = r.emit(f"{name}:left", op.Reshape((*outer, counts[0], counts[1])), rows)
        columns = r.emit(f"{name}:right", op.Reshape((*outer, counts[1], counts[2])), columns)
        y = r.emit(f"{name}:product", op.MatMul(), rows, columns)
    found = (*batch, *left, *right)
    last = tuple(found.index(x) for x in result)
    shape = tuple(size[x] for x in found)
    if last == tuple(range(len(last))):
        r.emit(name, op.Reshape(shape), y, to=output)
    else:
        y = r.emit(f"{name}:letters", op.Reshape(shape), y)
        r.transposed(name, y, last, output)
    return True


def shares_of(along: Along, extent: int) -> NDArray[np.float64]:
    """Return the matrix [outputs, extent] of what each place gives each output along an axis."""
    count = len(along.places[0])
    matrix = np.zeros((count, extent))
    totals = np.array(along.totals or (1.0,) * count)
    for places, shares in zip(along.places, along.shares, strict=True):
        np.add.at(matrix, (np.arange(count), np.array(places)), np.array(shares) / totals)
    return matrix


def _interpolate(r: Rewriting, node: Node) -> bool:
    operator: Any = node.operator
    x, name = node.inputs[0], node.name
    changed = [a for a in operator.along if _moves(a, r.shape(x)[a.axis])]
    if not changed or any(a.axis == 0 for a in changed):
        return False
    for a in changed:
        rank = len(r.shape(x))
        order = (*(axis for axis in range(rank) if axis != a.axis), a.axis)
        weights = r.constant(f"{name}:{a.axis}:shares", shares_of(a, r.shape(x)[a.axis]))
        turned = r.transposed(f"{name}:{a.axis}:turned", x, order)
        dense = op.FullyConnected(keep_dims=True)
        y = r.emit(f"{name}:{a.axis}:dense", dense, turned, weights)
        last = node.outputs[0] if a is changed[-1] else ""
        back = tuple(int(i) for i in np.argsort(order))
        x = r.emit(f"{name}:{a.axis}:back", op.Transpose(back), y, to=last)
    return True


def _moves(along: Along, extent: int) -> bool:
    return not np.array_equal(shares_of(along, extent), np.eye(len(along.places[0]), extent))


def _sum(r: Rewriting, node: Node) -> bool:
    operator: Any = node.operator
    shape = r.shape(node.inputs[0])
    count = prod(shape[axis] for axis in operator.axes)
    if 0 in operator.axes:
        return False
    mean = op.Mean(operator.axes, operator.keep_dims)
    y = r.emit(f"{node.name}:mean", mean, node.inputs[0])
    factor = r.constant(f"{node.name}:count", np.full((1,), float(count)))
    r.emit(node.name, op.Mul(), y, factor, to=node.outputs[0])
    return True


def _square(r: Rewriting, node: Node) -> bool:
    (x,) = node.inputs
    r.emit(node.name, op.Mul(), x, x, to=node.outputs[0])
    return True


PRODUCTS: dict[type[op.Operator], Writer] = {
    Einsum: _einsum,
    Interpolate: _interpolate,
    Square: _square,
    Sum: _sum,
}
