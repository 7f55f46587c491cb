"""The operators of the standard ONNX domain that are not quantized, as npusim's operators.

Axes and shapes are still the file's (channels first); onnx_layout.py comes afterwards.
"""

from __future__ import annotations

from math import prod

import numpy as np
from numpy.typing import NDArray

from npusim import operators as op
from npusim.errors import FormatError, UnsupportedError
from npusim.formats.onnx.constants import axes_of, reshape_target, squeezed, unsqueezed
from npusim.formats.onnx.records import OnnxNode
from npusim.graph.tensor import Quantization
from npusim.operators.forms.onnx_builder import RAW, Builder
from npusim.operators.forms.onnx_windows import window


def image(b: Builder, node: OnnxNode, name: str) -> tuple[int, int]:
    """Return (IH, IW) of a 4-D tensor that the file stores [N C H W]."""
    shape = b.shape(name)
    if len(shape) != 4:
        raise UnsupportedError(
            f"{node.name} ({node.kind}): expected a 4-D input [N C H W], found {list(shape)}"
        )
    return shape[2], shape[3]


def conv_weights(b: Builder, node: OnnxNode, index: int) -> NDArray:
    """Return the constant weights [OC IC/groups KH KW] of a convolution."""
    weights = b.constant(node, index, "weight tensor")
    if weights.ndim != 4:
        raise UnsupportedError(
            f"{node.name} ({node.kind}): expected 4-D weights [OC IC KH KW], "
            f"found {list(weights.shape)}"
        )
    return weights


def axis_of(node: OnnxNode, default: int, rank: int) -> int:
    """Return the node's axis, counted from the front."""
    axis = node.integer("axis", default)
    if not -rank <= axis < rank:
        raise FormatError(f"{node.name} ({node.kind}): axis {axis} is outside rank {rank}")
    return axis % rank


def _conv(b: Builder, node: OnnxNode) -> None:
    x = b.value(node, 0)
    weights = conv_weights(b, node, 1)
    inputs = [x, b.store(node.input(1), weights.transpose(0, 2, 3, 1), file_order=(0, 3, 1, 2))]
    if (bias := b.optional(node, 2, "bias")) is not None:
        inputs.append(b.store(node.input(2), bias))
    kernel = (weights.shape[2], weights.shape[3])
    place = window(node, kernel, image(b, node, x))
    operator = op.Conv2D(place, node.integer("group", 1))
    b.emit_channels_last(node.name, operator, tuple(inputs), node.outputs[0])


def _gemm(b: Builder, node: OnnxNode) -> None:
    x = b.value(node, 0)
    if node.integer("transA", 0):
        x = b.emit(f"{node.name}:transpose", op.Transpose((1, 0)), (x,), b.free(f"{x}:transposed"))
    weights = b.constant(node, 1, "weight matrix")
    rows = weights if node.integer("transB", 0) else weights.T
    alpha, beta = node.number("alpha", 1.0), node.number("beta", 1.0)
    if alpha != 1.0:
        rows = _scaled(rows, alpha)
    inputs = [x, b.store(node.input(1), rows, file_order=None if rows is weights else (1, 0))]
    bias = b.optional(node, 2, "bias")
    if bias is not None:
        if bias.size not in (1, rows.shape[0]):
            raise UnsupportedError(f"{node.name}: expected one bias per column, found {bias.shape}")
        full = np.broadcast_to(bias.ravel(), (rows.shape[0],))
        inputs.append(b.store(node.input(2), full if beta == 1.0 else _scaled(full, beta)))
    b.emit(node.name, op.FullyConnected(keep_dims=True), tuple(inputs), node.outputs[0])


def _scaled(values: NDArray, factor: float) -> NDArray:
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is refused when stored
        return values.astype(np.float32) * np.float32(factor)


def _matmul(b: Builder, node: OnnxNode) -> None:
    if node.input(1) in b.constants and b.constants[node.input(1)].ndim == 2:
        weights = b.constants[node.input(1)]
        w = b.store(node.input(1), weights.T, file_order=(1, 0))
        operator = op.FullyConnected(keep_dims=True)
        b.emit(node.name, operator, (b.value(node, 0), w), node.outputs[0])
    else:
        b.emit(node.name, op.MatMul(), (b.value(node, 0), b.value(node, 1)), node.outputs[0])


def _add(b: Builder, node: OnnxNode) -> None:
    b.emit(node.name, op.Add(), (b.value(node, 0), b.value(node, 1)), node.outputs[0])


def _mul(b: Builder, node: OnnxNode) -> None:
    b.emit(node.name, op.Mul(), (b.value(node, 0), b.value(node, 1)), node.outputs[0])


def clip_bounds(b: Builder, node: OnnxNode) -> tuple[float | None, float | None]:
    """Return Clip's or Relu's bounds, None where there is none."""
    if node.kind == "Relu":
        return 0.0, None
    bounds = []
    for index, name in ((1, "min"), (2, "max")):
        given = b.optional(node, index, name)
        value = float(given.ravel()[0]) if given is not None else node.attributes.get(name)
        finite = isinstance(value, int | float) and np.isfinite(value)
        bounds.append(float(value) if finite else None)  # type: ignore[arg-type]
    return bounds[0], bounds[1]


def _clip(b: Builder, node: OnnxNode) -> None:
    x = b.value(node, 0)
    low, high = clip_bounds(b, node)
    quantization = b.tensors[x].quantization
    if quantization is not None and quantization.axis is None and node.domain == "":
        # on integers ONNX's bounds are integers; an Activation's are real values
        scale, zero = float(quantization.scale), int(quantization.zero_point)
        low = None if low is None else scale * (low - zero)
        high = None if high is None else scale * (high - zero)
    b.emit(node.name, op.Clip(low, high), (x,), node.outputs[0])


def _activation(b: Builder, node: OnnxNode) -> None:
    x = b.value(node, 0)
    operator: op.Operator
    if node.kind == "LeakyRelu":
        operator = op.LeakyRelu(node.number("alpha", 0.01))
    elif node.kind == "Tanh":
        operator = op.Tanh()
    else:
        operator = op.HardSwish()
    b.emit(node.name, operator, (x,), node.outputs[0])


def pool_operator(b: Builder, node: OnnxNode, x: str) -> op.AveragePool | op.MaxPool:
    """Return the pool that the node's attributes describe."""
    if len([name for name in node.outputs if name]) != 1:
        raise UnsupportedError(f"{node.name} ({node.kind}): a second output is not supported")
    place = window(node, None, image(b, node, x))
    if node.kind == "MaxPool":
        return op.MaxPool(place)
    return op.AveragePool(place, count_padding=bool(node.integer("count_include_pad", 0)))


def _pool(b: Builder, node: OnnxNode) -> None:
    x = b.value(node, 0)
    b.emit_channels_last(node.name, pool_operator(b, node, x), (x,), node.outputs[0])


def _global_average_pool(b: Builder, node: OnnxNode) -> None:
    x = b.value(node, 0)
    image(b, node, x)
    b.emit_channels_last(node.name, op.Mean((1, 2), keep_dims=True), (x,), node.outputs[0])


def _reduce_mean(b: Builder, node: OnnxNode) -> None:
    x = b.value(node, 0)
    rank = len(b.shape(x))
    axes = axes_of(node, b.optional(node, 1, "axes"), rank)
    if axes is None or not axes:
        if node.integer("noop_with_empty_axes", 0):
            return _identity(b, node)
        axes = tuple(range(rank))
    operator = op.Mean(tuple(sorted(axes)), bool(node.integer("keepdims", 1)))
    b.emit(node.name, operator, (x,), node.outputs[0])


def _batch_normalization(b: Builder, node: OnnxNode) -> None:
    if node.integer("training_mode", 0) or len([o for o in node.outputs if o]) != 1:
        raise UnsupportedError(f"{node.name} (BatchNormalization): training is not supported")
    names = ("scale", "bias", "mean", "variance")
    inputs = [b.value(node, 0)]
    inputs += [
        b.store(node.input(i), b.constant(node, i, what)) for i, what in enumerate(names, start=1)
    ]
    operator = op.BatchNormalization(node.number("epsilon", 1e-5))
    b.emit_channels_last(node.name, operator, tuple(inputs), node.outputs[0])


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


def _identity(b: Builder, node: OnnxNode) -> None:
    x = b.value(node, 0)
    b.emit(node.name, op.Reshape(b.shape(x)), (x,), node.outputs[0])


def _pad(b: Builder, node: OnnxNode) -> None:
    x = b.value(node, 0)
    tensor = b.tensors[x]
    rank = len(tensor.shape)
    if node.attributes.get("mode", "constant") != "constant":
        raise UnsupportedError(f"{node.name} (Pad): mode {node.attributes['mode']!r}")
    given = b.optional(node, 1, "pads")
    pads = [int(n) for n in given.ravel()] if given is not None else node.integers("pads", ()) or ()
    fill = b.optional(node, 2, "constant value")
    value = float(fill.ravel()[0]) if fill is not None else node.number("value", 0.0)
    axes = b.optional(node, 3, "axes")
    named = tuple(range(rank)) if axes is None else axes_of(node, axes, rank) or ()
    if len(pads) != 2 * len(named):
        raise FormatError(f"{node.name} (Pad): expected {2 * len(named)} pads, found {len(pads)}")
    if not tensor.is_float:  # an integer Pad fills with the zero point: let that be the value
        label = tensor.quantization or RAW
        if label.axis is not None:
            raise UnsupportedError(f"{node.name} (Pad): {x} has one scale per channel")
        if int(label.zero_point) != value or tensor.quantization is None:
            x = b.as_quantized(x, Quantization(label.scale, np.array(int(value), np.int64)))
    elif value != 0:
        raise UnsupportedError(f"{node.name} (Pad): expected to pad with 0, found {value:g}")
    before, after = [0] * rank, [0] * rank
    for i, axis in enumerate(named):
        before[axis], after[axis] = pads[i], pads[i + len(named)]
    b.emit(node.name, op.Pad(tuple(before), tuple(after)), (x,), node.outputs[0])


def softmax_axis(b: Builder, node: OnnxNode, x: str, opset: int) -> int:
    """Return the axis that Softmax runs along; before opset 13 it took all axes behind as well."""
    shape = b.shape(x)
    axis = axis_of(node, -1 if opset >= 13 else 1, len(shape))
    if opset < 13 and prod(shape[axis:]) != shape[axis]:
        raise UnsupportedError(
            f"{node.name} ({node.kind}): before opset 13 it runs over all axes from {axis} of "
            f"{list(shape)}; expected one of them larger than 1"
        )
    return axis


STANDARD = {
    "Conv": _conv,
    "Gemm": _gemm,
    "MatMul": _matmul,
    "Add": _add,
    "Mul": _mul,
    "Relu": _clip,
    "Clip": _clip,
    "LeakyRelu": _activation,
    "Tanh": _activation,
    "HardSwish": _activation,
    "MaxPool": _pool,
    "AveragePool": _pool,
    "GlobalAveragePool": _global_average_pool,
    "ReduceMean": _reduce_mean,
    "BatchNormalization": _batch_normalization,
    "Concat": _concat,
    "Split": _split,
    "Slice": _slice,
    "Transpose": _transpose,
    "Reshape": _reshape,
    "Flatten": _reshape,
    "Squeeze": _reshape,
    "Unsqueeze": _reshape,
    "Identity": _identity,
    "Dropout": _identity,
    "Pad": _pad,
}
"""Softmax is in onnx.py, which knows the opset."""
