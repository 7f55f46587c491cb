"""What ONNX's attributes and inputs say of axes and shapes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from npusim.errors import FormatError
from npusim.formats.onnx.nodes import OnnxNode

MAX_RANK = 8


def axis_of(node: OnnxNode, default: int, rank: int) -> int:
    """Return the node's axis, counted from the front."""
    axis = node.integer("axis", default)
    if not -rank <= axis < rank:
        raise FormatError(f"{node.name} ({node.kind}): axis {axis} is outside rank {rank}")
    return axis % rank


def integers_of(node: OnnxNode, value: NDArray, what: str) -> tuple[int, ...]:
    """Return a constant of axes, sizes or counts in a row."""
    if not np.issubdtype(value.dtype, np.integer):
        raise FormatError(
            f"{node.name} ({node.kind}): expected a constant {what} of integers, "
            f"found {value.dtype}"
        )
    return tuple(int(n) for n in value.ravel())


def axes_of(node: OnnxNode, axes: tuple[int, ...] | None, rank: int) -> tuple[int, ...] | None:
    """Return the axes that an attribute (older opsets) or an input names, from the front, once."""
    named = node.integers("axes", None) if axes is None else axes
    if named is None:
        return None
    if not all(-rank <= axis < rank for axis in named):
        raise FormatError(f"{node.name} ({node.kind}): axes {list(named)} are outside rank {rank}")
    return tuple(dict.fromkeys(axis % rank for axis in named))


def reshape_target(
    node: OnnxNode, shape: tuple[int, ...], wanted: tuple[int, ...]
) -> tuple[int, ...]:
    """Return the shape that Reshape gives a tensor of `shape`: 0 copies an axis, -1 is the rest.

    Of a tensor without elements 0 is itself where the copy would not fit, as a computed target's is
    that names no axes to copy.
    """
    target = list(wanted)
    if len(target) > MAX_RANK or min(target, default=0) < -1:
        raise FormatError(
            f"{node.name} (Reshape): expected a shape of at most {MAX_RANK} axes, "
            f"found {target[:MAX_RANK]}{'...' if len(target) > MAX_RANK else ''}"
        )
    if not node.integer("allowzero", 0):
        copied = [
            shape[axis] if n == 0 and axis < len(shape) else n for axis, n in enumerate(target)
        ]
        if 0 not in shape or 0 in copied:
            target = copied
    if target.count(-1) == 1:
        known = int(np.prod([n for n in target if n != -1], dtype=np.int64))
        count = int(np.prod(shape, dtype=np.int64))
        target[target.index(-1)] = count // known if known > 0 else 0
    return tuple(target)


def squeezed(
    node: OnnxNode, shape: tuple[int, ...], axes: tuple[int, ...] | None
) -> tuple[int, ...]:
    """Return the shape that Squeeze leaves."""
    named = axes_of(node, axes, len(shape))
    if named is None:
        return tuple(n for n in shape if n != 1)
    if any(shape[axis] != 1 for axis in named):
        raise FormatError(f"{node.name}: cannot squeeze axes {list(named)} of {list(shape)}")
    return tuple(n for axis, n in enumerate(shape) if axis not in named)


def unsqueezed(
    node: OnnxNode, shape: tuple[int, ...], axes: tuple[int, ...] | None
) -> tuple[int, ...]:
    """Return the shape that Unsqueeze makes."""
    count = len(node.integers("axes", ()) or () if axes is None else axes)
    named = axes_of(node, axes, len(shape) + count) or ()
    if len(named) != count:
        raise FormatError(f"{node.name} (Unsqueeze): expected {count} axes, found {list(named)}")
    rest = iter(shape)
    return tuple(1 if axis in named else next(rest) for axis in range(len(shape) + count))
