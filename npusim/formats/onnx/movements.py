"""ONNX's operators that move values: Concat, Split, Slice, Reshape, Pad, Resize, ...

Axes and shapes are still the file's (channels first); channels_last.py comes afterwards.
"""

from __future__ import annotations

from math import prod

import numpy as np

from npusim import operators as op
from npusim.errors import FormatError, UnsupportedError
from npusim.formats.onnx.constants import axes_of, reshape_target, squeezed, unsqueezed
from npusim.formats.onnx.records import OnnxNode
from npusim.graph.tensor import Quantization
from npusim.operators.broadcast_to import BroadcastTo
from npusim.operators.forms.onnx_builder import RAW, Builder
from npusim.operators.kinds.binary import broadcast
from npusim.operators.pick import Pick, nearest_places
from npusim.operators.space_to_depth import SpaceToDepth


def axis_of(node: OnnxNode, default: int, rank: int) -> int:
    """Return the node's axis, counted from the front."""
    axis = node.integer("axis", default)
    if not -rank <= axis < rank:
        raise FormatError(f"{node.name} ({node.kind}): axis {axis} is outside rank {rank}")
    return axis % rank


def _concat(b: Builder, node: OnnxNode) -> None:
    inputs = tuple(b.value(node, index) for index in range(len(node.inputs)))
    first = b.tensors[inputs[0]]
    axis = axis_of(node, 0, len(first.shape))
    if any(b.tensors[name].dtype != first.dtype for name in inputs):
        raise FormatError(f"{node.name} (Concat): expected inputs of one type")
    if not first.is_float:  # integers are joined as they are, whatever they are worth
        labels = (b.tensors[name].quantization for name in inputs)
        label = next((q for q in labels if q is not None), RAW)
        inputs = tuple(b.as_quantized(name, label) for name in inputs)
    b.emit(node.name, op.Concat(axis), inputs, node.outputs[0])


def _split(b: Builder, node: OnnxNode) -> None:
    x = b.value(node, 0)
    shape = b.shape(x)
    axis = axis_of(node, 0, len(shape))
    given = b.optional(node, 1, "split")
    sizes = (
        tuple(int(n) for n in given.ravel()) if given is not None else node.integers("split", None)
    )
    if sizes is None:
        each = -(-shape[axis] // len(node.outputs))
        sizes = tuple(min(each, shape[axis] - i * each) for i in range(len(node.outputs)))
    if len(sizes) != len(node.outputs) or sum(sizes) != shape[axis] or min(sizes) < 1:
        raise FormatError(
            f"{node.name} (Split): cannot cut axis {axis} of {list(shape)} into {list(sizes)} "
            f"for {len(node.outputs)} outputs"
        )
    start = 0
    for part, (size, output) in enumerate(zip(sizes, node.outputs, strict=True)):
        low, high = [0] * len(shape), list(shape)
        low[axis], high[axis] = start, start + size
        start += size
        if output:
            operator = op.Slice(tuple(low), tuple(high), (1,) * len(shape))
            b.emit(f"{node.name}:{part}", operator, (x,), output)


def _slice(b: Builder, node: OnnxNode) -> None:
    x = b.value(node, 0)
    shape = b.shape(x)
    low, high, step = [0] * len(shape), list(shape), [1] * len(shape)
    if len(node.inputs) > 1:
        starts, ends = b.constant(node, 1, "starts").ravel(), b.constant(node, 2, "ends").ravel()
        axes, steps = b.optional(node, 3, "axes"), b.optional(node, 4, "steps")
    else:
        starts = np.array(node.integers("starts", ()), np.int64)
        ends, axes, steps = np.array(node.integers("ends", ()), np.int64), None, None
    named = axes_of(node, axes, len(shape))
    named = tuple(range(len(starts))) if named is None else named
    if not len(named) == len(starts) == len(ends) <= len(shape):
        raise FormatError(f"{node.name} (Slice): expected as many starts and ends as axes")
    for i, axis in enumerate(named):
        step[axis] = 1 if steps is None else int(steps.ravel()[i])
        if step[axis] < 1:
            raise UnsupportedError(f"{node.name} (Slice): expected a positive step")
        low[axis], high[axis], _ = slice(int(starts[i]), int(ends[i])).indices(shape[axis])
        high[axis] = max(high[axis], low[axis])
    operator = op.Slice(tuple(low), tuple(high), tuple(step))
    b.emit(node.name, operator, (x,), node.outputs[0])


def _transpose(b: Builder, node: OnnxNode) -> None:
    x = b.value(node, 0)
    rank = len(b.shape(x))
    order = node.integers("perm", None) or tuple(reversed(range(rank)))
    b.emit(node.name, op.Transpose(order), (x,), node.outputs[0])


def _reshape(b: Builder, node: OnnxNode) -> None:
    x = b.value(node, 0)
    shape = b.shape(x)
    if node.kind == "Reshape":
        target = reshape_target(node, shape, b.constant(node, 1, "shape"))
    elif node.kind == "Flatten":
        axis = node.integer("axis", 1)
        if not -len(shape) <= axis <= len(shape):
            raise FormatError(f"{node.name} (Flatten): axis {axis} is outside {list(shape)}")
        axis += len(shape) if axis < 0 else 0
        target = (prod(shape[:axis]), prod(shape[axis:]))
    elif node.kind == "Squeeze":
        target = squeezed(node, shape, b.optional(node, 1, "axes"))
    else:
        target = unsqueezed(node, shape, b.optional(node, 1, "axes"))
    b.emit(node.name, op.Reshape(target), (x,), node.outputs[0])


def identity(b: Builder, node: OnnxNode) -> None:
    """Append a Reshape to the shape that the input has already."""
    x = b.value(node, 0)
    b.emit(node.name, op.Reshape(b.shape(x)), (x,), node.outputs[0])


def _expand(b: Builder, node: OnnxNode) -> None:
    x = b.value(node, 0)
    wanted = tuple(int(n) for n in b.constant(node, 1, "shape").ravel())
    b.emit(node.name, BroadcastTo(broadcast(b.shape(x), wanted)), (x,), node.outputs[0])


def _space_to_depth(b: Builder, node: OnnxNode) -> None:
    operator = SpaceToDepth(node.integer("blocksize", 1))
    b.emit_channels_last(node.name, operator, (b.value(node, 0),), node.outputs[0])


def _resize(b: Builder, node: OnnxNode) -> None:
    x = b.value(node, 0)
    shape = b.shape(x)
    sizes, scales = resized(b, node, shape)
    mode = node.attributes.get("mode", "nearest")
    if mode != "nearest":
        raise UnsupportedError(f"{node.name} ({node.kind}): mode {mode!r}")
    places = tuple(
        None if (n, scale) == (size, 1) else nearest_places(node, n, size, scale)
        for n, size, scale in zip(shape, sizes, scales, strict=True)
    )
    if len(shape) == 4 and places[0] is places[1] is None:
        operator = Pick((None, places[2], places[3], None))
        b.emit_channels_last(node.name, operator, (x,), node.outputs[0])
    else:
        b.emit(node.name, Pick(places), (x,), node.outputs[0])


def resized(
    b: Builder, node: OnnxNode, shape: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Return the extents that Resize or Upsample gives each axis, and its scales."""
    rank = len(shape)
    if node.kind == "Upsample":
        place, sizes = 1, None
    else:
        place = 2 if len(node.inputs) > 2 else 1
        sizes = b.optional(node, 3, "sizes")
    given = b.optional(node, place, "scales")
    if given is None and "scales" in node.attributes:
        given = np.asarray(node.attributes["scales"], np.float32)
    named = axes_of(node, None, rank) or tuple(range(rank))
    extents, factors = list(shape), [1.0] * rank
    if sizes is not None and sizes.size:
        if node.attributes.get("keep_aspect_ratio_policy", "stretch") != "stretch":
            raise UnsupportedError(f"{node.name} (Resize): keep_aspect_ratio_policy")
        for axis, size in zip(named, sizes.ravel(), strict=True):
            extents[axis], factors[axis] = int(size), float(np.float32(size) / shape[axis])
    elif given is not None and given.size:
        for axis, factor in zip(named, given.ravel().astype(np.float32), strict=True):
            extents[axis] = int(np.float32(shape[axis]) * factor)
            factors[axis] = float(factor)
    else:
        raise FormatError(f"{node.name} ({node.kind}): expected scales or sizes, found neither")
    return tuple(extents), tuple(factors)


def _pad_of_itself(b: Builder, node: OnnxNode) -> None:
    """Pad by values of x: its mirror image, its edge, or its other end."""
    x = b.value(node, 0)
    shape = b.shape(x)
    before, after = pads_of(b, node, len(shape))
    mode = node.attributes["mode"]
    if mode not in ("reflect", "edge", "wrap") or min(*before, *after, 0) < 0:
        raise UnsupportedError(f"{node.name} (Pad): mode {node.attributes['mode']!r}")
    places = tuple(
        tuple(int(i) for i in np.pad(np.arange(n), (low, high), mode=mode))  # type: ignore[call-overload]
        if low or high
        else None
        for n, low, high in zip(shape, before, after, strict=True)
    )
    b.emit(node.name, Pick(places), (x,), node.outputs[0])


def pads_of(b: Builder, node: OnnxNode, rank: int) -> tuple[list[int], list[int]]:
    """Return how many values Pad puts before and after each axis; below 0 it cuts off."""
    given = b.optional(node, 1, "pads")
    pads = [int(n) for n in given.ravel()] if given is not None else node.integers("pads", ()) or ()
    axes = b.optional(node, 3, "axes")
    named = tuple(range(rank)) if axes is None else axes_of(node, axes, rank) or ()
    if len(pads) != 2 * len(named):
        raise FormatError(f"{node.name} (Pad): expected {2 * len(named)} pads, found {len(pads)}")
    before, after = [0] * rank, [0] * rank
    for i, axis in enumerate(named):
        before[axis], after[axis] = pads[i], pads[i + len(named)]
    return before, after


def _pad(b: Builder, node: OnnxNode) -> None:
    if node.attributes.get("mode", "constant") != "constant":
        return _pad_of_itself(b, node)
    x = b.value(node, 0)
    tensor = b.tensors[x]
    before, after = pads_of(b, node, len(tensor.shape))
    fill = b.optional(node, 2, "constant value")
    value = float(fill.ravel()[0]) if fill is not None else node.number("value", 0.0)
    if not tensor.is_float:  # an integer Pad fills with the zero point: let that be the value
        label = tensor.quantization or RAW
        if label.axis is not None:
            raise UnsupportedError(f"{node.name} (Pad): {x} has one scale per channel")
        if int(label.zero_point) != value or tensor.quantization is None:
            x = b.as_quantized(x, Quantization(label.scale, np.array(int(value), np.int64)))
    elif value != 0:
        raise UnsupportedError(f"{node.name} (Pad): expected to pad with 0, found {value:g}")
    b.emit(node.name, op.Pad(tuple(before), tuple(after)), (x,), node.outputs[0])


MOVEMENTS = {
    "Concat": _concat,
    "Split": _split,
    "Slice": _slice,
    "Transpose": _transpose,
    "Reshape": _reshape,
    "Flatten": _reshape,
    "Squeeze": _reshape,
    "Unsqueeze": _reshape,
    "Identity": identity,
    "Dropout": identity,
    "Pad": _pad,
    "Expand": _expand,
    "SpaceToDepth": _space_to_depth,
    "Resize": _resize,
    "Upsample": _resize,
}
