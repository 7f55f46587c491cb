"""Shape inference and type rules: what each operator requires of its inputs.

Every rule raises ShapeError naming the node, the expectation and the value.
"""

from __future__ import annotations

from functools import singledispatch
from math import prod

import numpy as np

from npusim.errors import ShapeError, UnsupportedError
from npusim.graph import operators as op
from npusim.graph.tensor import Tensor

Shape = tuple[int, ...]

MAX_PADDED_ELEMENTS = 1 << 28
"""An image and its padding beyond this are a damaged file's dilation, not a network's."""

INPUT_COUNTS: dict[type, tuple[int, int]] = {
    op.Conv2D: (2, 3),
    op.FullyConnected: (2, 3),
    op.MatMul: (2, 2),
    op.Add: (2, 2),
    op.Mul: (2, 2),
    op.BatchNormalization: (5, 5),
    op.Concat: (1, 1 << 16),
}


def check_types(node: str, operator: op.Operator, inputs: list[Tensor]) -> None:
    """Raise unless `inputs` are as many, and of the type classes, that `operator` takes."""
    least, most = INPUT_COUNTS.get(type(operator), (1, 1))
    if weights_in_operator(operator) is not None:
        least, most = 1, 1
    if not least <= len(inputs) <= most:
        raise ShapeError(f"{node}: expected {least} to {most} inputs, found {len(inputs)}")
    if isinstance(operator, op.Conv2D | op.FullyConnected):
        if operator.encoding is None and inputs[0].is_float != inputs[1].is_float:
            raise UnsupportedError(
                f"{node}: input {inputs[0].name} is {inputs[0].dtype} and weights {inputs[1].name} "
                f"are {inputs[1].dtype} (a hybrid layer): expected both integer or both float"
            )
        if operator.encoding is not None and inputs[0].is_float:
            raise UnsupportedError(f"{node}: coded weights need an integer input")


def weights_in_operator(operator: op.Operator) -> Shape | None:
    """Return the shape of the coded weights that `operator` itself holds, or None."""
    encoding = getattr(operator, "encoding", None)
    return None if encoding is None else encoding.weight_shape


def output_shape(node: str, operator: op.Operator, inputs: list[Shape]) -> Shape:
    """Return the shape of the operator's output; raise ShapeError where the inputs do not fit."""
    try:
        coded = weights_in_operator(operator)
        return _output_shape(operator, inputs if coded is None else [*inputs, coded])
    except ShapeError as error:
        raise ShapeError(f"{node}: {error}") from None


def _need_rank(shape: Shape, rank: int, what: str) -> None:
    if len(shape) != rank:
        raise ShapeError(f"expected {what} of rank {rank}, found shape {list(shape)}")


@singledispatch
def _output_shape(operator: op.Operator, inputs: list[Shape]) -> Shape:
    return inputs[0]  # elementwise: Softmax, Activation, Quantize, Dequantize, BatchNormalization


def _windowed(window: op.Window, x: Shape, channels: int) -> Shape:
    top, bottom, left, right = window.padding
    if (x[1] + top + bottom) * (x[2] + left + right) * x[3] > MAX_PADDED_ELEMENTS:
        raise ShapeError(
            f"input {list(x)} with padding {list(window.padding)} has more than "
            f"{MAX_PADDED_ELEMENTS} elements"
        )
    height, width = window.output_size(x[1], x[2])
    if height < 1 or width < 1:
        raise ShapeError(
            f"window {list(window.kernel)} with dilation {list(window.dilation)} and padding "
            f"{list(window.padding)} does not fit input {list(x)}"
        )
    return (x[0], height, width, channels)


@_output_shape.register
def _(operator: op.Conv2D, inputs: list[Shape]) -> Shape:
    x, w = inputs[:2]
    _need_rank(x, 4, "an input")
    _need_rank(w, 4, "weights")
    groups = operator.groups
    if groups < 1 or x[3] != w[3] * groups:
        raise ShapeError(f"weight IC is {w[3]} in {groups} groups, input IC is {x[3]}")
    if w[0] % groups:
        raise ShapeError(f"{w[0]} output channels do not divide into {groups} groups")
    if w[1:3] != operator.window.kernel:
        raise ShapeError(f"weights are {list(w)}, kernel is {list(operator.window.kernel)}")
    _need_bias(inputs, w[0])
    return _windowed(operator.window, x, w[0])


def _need_bias(inputs: list[Shape], channels: int) -> None:
    if len(inputs) > 2 and prod(inputs[2]) != channels:
        raise ShapeError(f"expected a bias of {channels} values, found shape {list(inputs[2])}")


@_output_shape.register
def _(operator: op.FullyConnected, inputs: list[Shape]) -> Shape:
    x, w = inputs[:2]
    _need_rank(w, 2, "weights")
    _need_bias(inputs, w[0])
    if operator.keep_dims:
        if not x or x[-1] != w[1]:
            raise ShapeError(f"weight IC is {w[1]}, input is {list(x)}")
        return (*x[:-1], w[0])
    if not x or w[1] == 0 or prod(x) % w[1]:
        raise ShapeError(f"weight IC is {w[1]}, input is {list(x)}")
    return (prod(x) // w[1], w[0])


@_output_shape.register
def _(operator: op.MatMul, inputs: list[Shape]) -> Shape:
    a, b = inputs
    if len(a) < 2 or len(b) < 2 or a[-1] != b[-2]:
        raise ShapeError(f"cannot multiply {list(a)} by {list(b)}")
    return (*_broadcast(a[:-2], b[:-2]), a[-2], b[-1])


def _broadcast(a: Shape, b: Shape) -> Shape:
    try:
        return np.broadcast_shapes(a, b)
    except ValueError:
        raise ShapeError(f"cannot broadcast {list(a)} with {list(b)}") from None


@_output_shape.register(op.Add)
@_output_shape.register(op.Mul)
def _(operator: op.Add | op.Mul, inputs: list[Shape]) -> Shape:
    return _broadcast(*inputs)


@_output_shape.register(op.AveragePool)
@_output_shape.register(op.MaxPool)
def _(operator: op.AveragePool | op.MaxPool, inputs: list[Shape]) -> Shape:
    _need_rank(inputs[0], 4, "an input")
    return _windowed(operator.window, inputs[0], inputs[0][3])


@_output_shape.register
def _(operator: op.Mean, inputs: list[Shape]) -> Shape:
    (x,) = inputs
    if not all(0 <= axis < len(x) for axis in operator.axes):
        raise ShapeError(f"axes {list(operator.axes)} are outside input {list(x)}")
    if operator.keep_dims:
        return tuple(1 if axis in operator.axes else n for axis, n in enumerate(x))
    return tuple(n for axis, n in enumerate(x) if axis not in operator.axes)


@_output_shape.register
def _(operator: op.Pad, inputs: list[Shape]) -> Shape:
    (x,) = inputs
    if not len(operator.before) == len(operator.after) == len(x):
        raise ShapeError(f"expected padding for {len(x)} axes, found {len(operator.before)}")
    if min((*operator.before, *operator.after), default=0) < 0:
        raise ShapeError(f"padding {operator.before}, {operator.after} is negative")
    return tuple(b + n + a for b, n, a in zip(operator.before, x, operator.after, strict=True))


@_output_shape.register
def _(operator: op.Reshape, inputs: list[Shape]) -> Shape:
    if prod(operator.shape) != prod(inputs[0]):
        raise ShapeError(f"cannot reshape {list(inputs[0])} to {list(operator.shape)}")
    return operator.shape


@_output_shape.register
def _(operator: op.Transpose, inputs: list[Shape]) -> Shape:
    (x,) = inputs
    if sorted(operator.order) != list(range(len(x))):
        raise ShapeError(f"{list(operator.order)} is no order of {len(x)} axes")
    return tuple(x[axis] for axis in operator.order)


@_output_shape.register
def _(operator: op.Concat, inputs: list[Shape]) -> Shape:
    first, axis = inputs[0], operator.axis
    if not 0 <= axis < len(first):
        raise ShapeError(f"axis {axis} is outside input {list(first)}")
    for x in inputs[1:]:
        if len(x) != len(first) or any(
            a != b for i, (a, b) in enumerate(zip(x, first, strict=True)) if i != axis
        ):
            raise ShapeError(f"cannot join {list(first)} and {list(x)} along axis {axis}")
    return (*first[:axis], sum(x[axis] for x in inputs), *first[axis + 1 :])


@_output_shape.register
def _(operator: op.Slice, inputs: list[Shape]) -> Shape:
    (x,) = inputs
    if not len(operator.start) == len(operator.stop) == len(operator.step) == len(x):
        raise ShapeError(f"expected a slice of {len(x)} axes, found {len(operator.start)}")
    bounds = list(zip(operator.start, operator.stop, operator.step, x, strict=True))
    if any(step < 1 or not 0 <= start <= stop <= n for start, stop, step, n in bounds):
        raise ShapeError(f"slice {operator} is outside input {list(x)}")
    return tuple(len(range(start, stop, step)) for start, stop, step, _ in bounds)
