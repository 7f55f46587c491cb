"""Evaluating the nodes of a file whose inputs are all constants: shapes, weights, scales.

Only what exporters write around weights and shapes is here; nothing it makes can be much larger
than what the file itself holds.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
from numpy.typing import NDArray

from npusim.errors import FormatError, UnsupportedError
from npusim.formats.onnx.records import OnnxNode, dtype_of

MAX_RANK = 8


def evaluate(node: OnnxNode, inputs: list[NDArray | None]) -> list[NDArray] | None:
    """Return the outputs of `node`, None where it is not of the kinds evaluated here.

    Raises
    ------
    FormatError
        The inputs do not fit the operator.
    """
    function = FUNCTIONS.get(node.kind) if node.domain == "" else None
    if function is None:
        return None
    try:
        with np.errstate(all="ignore"):
            return [np.asarray(value) for value in function(node, *inputs)]
    except (ValueError, IndexError, TypeError, OverflowError, ZeroDivisionError) as error:
        shapes = [None if x is None else list(x.shape) for x in inputs]
        raise FormatError(f"{node.name} ({node.kind}): inputs {shapes}: {error}") from None


def reshape_target(node: OnnxNode, shape: tuple[int, ...], wanted: NDArray) -> tuple[int, ...]:
    """Return the shape that Reshape gives a tensor of `shape`: 0 copies an axis, -1 is the rest."""
    target = [int(n) for n in wanted.ravel()]
    if len(target) > MAX_RANK or min(target, default=0) < -1:
        raise FormatError(
            f"{node.name} (Reshape): expected a shape of at most {MAX_RANK} axes, "
            f"found {target[:MAX_RANK]}{'...' if len(target) > MAX_RANK else ''}"
        )
    if not node.integer("allowzero", 0):
        target = [
            shape[axis] if n == 0 and axis < len(shape) else n for axis, n in enumerate(target)
        ]
    if target.count(-1) == 1:
        known = int(np.prod([n for n in target if n != -1], dtype=np.int64))
        count = int(np.prod(shape, dtype=np.int64))
        target[target.index(-1)] = count // known if known > 0 else 0
    return tuple(target)


def axes_of(node: OnnxNode, axes: NDArray | None, rank: int) -> tuple[int, ...] | None:
    """Return the axes that an attribute (older opsets) or an input names, from the front."""
    named = tuple(int(a) for a in axes.ravel()) if axes is not None else node.integers("axes", None)
    if named is None:
        return None
    if not all(-rank <= axis < rank for axis in named):
        raise FormatError(f"{node.name} ({node.kind}): axes {list(named)} are outside rank {rank}")
    return tuple(axis % rank for axis in named)


def squeezed(node: OnnxNode, shape: tuple[int, ...], axes: NDArray | None) -> tuple[int, ...]:
    """Return the shape that Squeeze leaves."""
    named = axes_of(node, axes, len(shape))
    if named is None:
        return tuple(n for n in shape if n != 1)
    if any(shape[axis] != 1 for axis in named):
        raise FormatError(f"{node.name}: cannot squeeze axes {list(named)} of {list(shape)}")
    return tuple(n for axis, n in enumerate(shape) if axis not in named)


def unsqueezed(node: OnnxNode, shape: tuple[int, ...], axes: NDArray | None) -> tuple[int, ...]:
    """Return the shape that Unsqueeze makes."""
    count = len(axes.ravel()) if axes is not None else len(node.integers("axes", ()) or ())
    named = axes_of(node, axes, len(shape) + count) or ()
    rest = iter(shape)
    return tuple(1 if axis in named else next(rest) for axis in range(len(shape) + len(set(named))))


def _quantization(
    node: OnnxNode, x: NDArray, scale: NDArray, zero_point: NDArray | None
) -> tuple[NDArray, NDArray]:
    """Return scale (float32) and zero point (int64), shaped to broadcast against `x`."""
    if node.integer("block_size", 0):
        raise UnsupportedError(f"{node.name} ({node.kind}): block_size is not supported")
    zero = np.zeros(scale.shape, np.int64) if zero_point is None else zero_point.astype(np.int64)
    shape = [1] * x.ndim
    if scale.size > 1:
        shape[node.integer("axis", 1) % x.ndim] = scale.size
    return scale.astype(np.float32).reshape(shape), zero.reshape(shape)


def _dequantize(
    node: OnnxNode, x: NDArray, scale: NDArray, zero_point: NDArray | None = None
) -> list[NDArray]:
    factor, zero = _quantization(node, x, scale, zero_point)
    return [((x.astype(np.int64) - zero).astype(np.float32) * factor).reshape(x.shape)]


def _quantize(
    node: OnnxNode, x: NDArray, scale: NDArray, zero_point: NDArray | None = None
) -> list[NDArray]:
    factor, zero = _quantization(node, x, scale, zero_point)
    limits = np.iinfo(np.uint8 if zero_point is None else zero_point.dtype)
    values = np.rint(x.astype(np.float32) / factor).astype(np.float64) + zero
    return [np.clip(values, limits.min, limits.max).astype(limits.dtype).reshape(x.shape)]


def _constant(node: OnnxNode) -> list[NDArray]:
    for name, dtype in (("value_int", np.int64), ("value_float", np.float32)):
        if name in node.attributes:
            return [np.asarray(node.attributes[name], dtype)]
    for name, dtype in (("value_ints", np.int64), ("value_floats", np.float32)):
        if name in node.attributes:
            return [np.asarray(node.attributes[name], dtype)]
    value = node.attributes.get("value")
    if not isinstance(value, np.ndarray):
        raise UnsupportedError(f"{node.name} (Constant): expected a dense number tensor")
    return [value]


def _slice(
    node: OnnxNode,
    x: NDArray,
    starts: NDArray,
    ends: NDArray,
    axes: NDArray | None = None,
    steps: NDArray | None = None,
) -> list[NDArray]:
    index = [slice(None)] * x.ndim
    named = range(len(starts)) if axes is None else axes_of(node, axes, x.ndim) or ()
    for i, axis in enumerate(named):
        index[axis] = slice(int(starts[i]), int(ends[i]), 1 if steps is None else int(steps[i]))
    return [x[tuple(index)]]


def _divide(node: OnnxNode, a: NDArray, b: NDArray) -> list[NDArray]:
    if a.dtype.kind == "f":
        return [a / b]
    return [np.asarray(np.sign(a) * np.sign(b) * (np.abs(a) // np.abs(b)), a.dtype)]


def _cast(node: OnnxNode, x: NDArray) -> list[NDArray]:
    return [x.astype(dtype_of(node.integer("to", onnx.TensorProto.FLOAT), node.name))]


FUNCTIONS: dict[str, Callable[..., list[NDArray]]] = {
    "Constant": _constant,
    "Identity": lambda node, x: [x],
    "Cast": _cast,
    "Gather": lambda node, x, i: [np.take(x, i, axis=node.integer("axis", 0))],
    "Concat": lambda node, *xs: [np.concatenate(xs, axis=node.integer("axis", 0))],
    "Reshape": lambda node, x, shape: [x.reshape(reshape_target(node, x.shape, shape))],
    "Squeeze": lambda node, x, axes=None: [x.reshape(squeezed(node, x.shape, axes))],
    "Unsqueeze": lambda node, x, axes=None: [x.reshape(unsqueezed(node, x.shape, axes))],
    "Transpose": lambda node, x: [x.transpose(node.integers("perm", None))],
    "Slice": _slice,
    "Add": lambda node, a, b: [a + b],
    "Sub": lambda node, a, b: [a - b],
    "Mul": lambda node, a, b: [a * b],
    "Div": _divide,
    "QuantizeLinear": _quantize,
    "DequantizeLinear": _dequantize,
}
