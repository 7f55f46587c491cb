"""Evaluating the nodes of a file whose inputs are all constants: shapes, weights, scales.

What exporters write around weights and shapes is here; everything else of the standard domain goes
through ONNX's reference evaluator. A result's size is known before it is made, and limited.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np
import onnx
import onnx.shape_inference
from numpy.typing import NDArray

from npusim.errors import FormatError, UnsupportedError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.formats.onnx.tensors import dtype_of
from npusim.operators.forms.onnx_axes import (
    axes_of,
    integers_of,
    reshape_target,
    squeezed,
    unsqueezed,
)

MAX_BYTES = 1 << 28
"""A constant that takes more than this is not made: no network this is for has one."""


OF_BOTH_DOMAINS = ("DequantizeLinear", "QuantizeLinear")
"""What com.microsoft has for types that ONNX's own took in later."""


def evaluate(
    node: OnnxNode, inputs: list[NDArray | None], opset: int | None = None
) -> list[NDArray] | None:
    """Return the outputs of `node`, None where it is not of the kinds evaluated here.

    With `opset` the reference evaluator takes what is not in FUNCTIONS.

    Raises
    ------
    FormatError
        The inputs do not fit the operator.
    UnsupportedError
        An output would take more than MAX_BYTES.
    """
    if node.domain and (node.domain != "com.microsoft" or node.kind not in OF_BOTH_DOMAINS):
        return None
    function = FUNCTIONS.get(node.kind)
    if function is None:
        return None if opset is None else reference(node, inputs, opset)
    try:
        size = output_bytes(node, inputs)
        if size > MAX_BYTES:
            raise UnsupportedError(
                f"{node.name} ({node.kind}): constant {node.outputs[0]} would take {size} bytes, "
                f"the limit is {MAX_BYTES}"
            )
        with np.errstate(all="ignore"):
            return [np.asarray(value) for value in function(node, *inputs)]
    except (ValueError, IndexError, TypeError, OverflowError, ZeroDivisionError) as error:
        shapes = [None if x is None else list(x.shape) for x in inputs]
        raise FormatError(f"{node.name} ({node.kind}): inputs {shapes}: {error}") from None


def output_bytes(node: OnnxNode, inputs: list[NDArray | None]) -> int:
    """Return how many bytes the largest output of a node of FUNCTIONS takes, at most."""
    given = [x for x in inputs if x is not None]
    if not given:
        return 0
    widest = max(x.itemsize for x in given)
    if node.kind == "Concat":
        return sum(x.nbytes for x in given)
    if node.kind in ("Add", "Sub", "Mul", "Div"):
        return widest * prod(np.broadcast_shapes(*(x.shape for x in given)))
    if node.kind == "Gather":
        x, indices = given
        return x.nbytes // max(x.shape[node.integer("axis", 0)], 1) * indices.size
    return 8 * max(x.size for x in given)  # the others keep or lessen the number of values


RANDOM = ("RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Bernoulli",
          "Multinomial", "Dropout")  # fmt: skip
"""Kinds whose outputs are no constants."""


def reference(node: OnnxNode, inputs: list[NDArray | None], opset: int) -> list[NDArray] | None:
    """Return the outputs as ONNX's reference evaluator has them, None where it has none."""
    if node.kind in RANDOM or any(
        x is None and name for x, name in zip(inputs, node.inputs, strict=True)
    ):
        return None
    model = _model_of(node, inputs, opset)
    if model is None or not _small_enough(node, model):
        return None
    from onnx.reference import ReferenceEvaluator  # it reads every schema when it is imported

    try:
        session = ReferenceEvaluator(model)
        feeds = {name: x for name, x in zip(node.inputs, inputs, strict=True) if x is not None}
        with np.errstate(all="ignore"):
            found = session.run(None, feeds)
    except Exception:  # the evaluator raises whatever its numpy code does
        return None
    return [np.asarray(value) for value in found]


def _model_of(node: OnnxNode, inputs: list[NDArray | None], opset: int) -> onnx.ModelProto | None:
    """Return a model of the node alone, its inputs as initializers."""
    attributes = {
        name: onnx.numpy_helper.from_array(value) if isinstance(value, np.ndarray) else value
        for name, value in node.attributes.items()
    }
    try:
        proto = onnx.helper.make_node(node.kind, node.inputs, node.outputs, **attributes)  # type: ignore[arg-type]
        named = {n: x for n, x in zip(node.inputs, inputs, strict=True) if x is not None}
        graph = onnx.helper.make_graph(
            [proto],
            "constant",
            [
                onnx.helper.make_tensor_value_info(
                    name, onnx.helper.np_dtype_to_tensor_dtype(x.dtype), x.shape
                )
                for name, x in named.items()
            ],
            [onnx.ValueInfoProto(name=name) for name in node.outputs if name],
            [onnx.numpy_helper.from_array(x, name) for name, x in named.items() if x.size <= 64],
        )
        opsets = [onnx.helper.make_opsetid("", opset)]
        return onnx.helper.make_model(graph, opset_imports=opsets)
    except (ValueError, TypeError, KeyError):
        return None


def _small_enough(node: OnnxNode, model: onnx.ModelProto) -> bool:
    """Return whether the outputs' shapes are inferred; raise where one takes too many bytes."""
    try:
        inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
    except Exception:  # a protobuf extension's own errors
        return False
    for value in inferred.graph.output:
        tensor = value.type.tensor_type
        dims = [dim.dim_value for dim in tensor.shape.dim if dim.HasField("dim_value")]
        if not tensor.HasField("shape") or len(dims) != len(tensor.shape.dim):
            return False
        size = prod(dims) * onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type).itemsize
        if size > MAX_BYTES:
            raise UnsupportedError(
                f"{node.name} ({node.kind}): constant {value.name} would take {size} bytes, "
                f"the limit is {MAX_BYTES}"
            )
    return True


def _quantization(
    node: OnnxNode, x: NDArray, scale: NDArray, zero_point: NDArray | None
) -> tuple[NDArray, NDArray]:
    """Return scale (float32) and zero point (int64), shaped to broadcast against `x`."""
    zero = np.zeros(scale.shape, np.int64) if zero_point is None else zero_point.astype(np.int64)
    block = node.integer("block_size", 0)
    if block:
        axis = node.integer("axis", 1) % x.ndim
        keep = [slice(None)] * x.ndim
        keep[axis] = slice(x.shape[axis])
        spread = (np.repeat(v, block, axis)[tuple(keep)] for v in (scale.astype(np.float32), zero))
        return tuple(spread)  # type: ignore[return-value]
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


def _axes(node: OnnxNode, given: NDArray | None) -> tuple[int, ...] | None:
    return None if given is None else integers_of(node, given, "axes")


def _reshape(node: OnnxNode, x: NDArray, shape: NDArray) -> list[NDArray]:
    return [x.reshape(reshape_target(node, x.shape, integers_of(node, shape, "shape")))]


def _slice(
    node: OnnxNode,
    x: NDArray,
    starts: NDArray,
    ends: NDArray,
    axes: NDArray | None = None,
    steps: NDArray | None = None,
) -> list[NDArray]:
    index = [slice(None)] * x.ndim
    named = range(len(starts)) if axes is None else axes_of(node, _axes(node, axes), x.ndim) or ()
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
    "Reshape": _reshape,
    "Squeeze": lambda node, x, a=None: [x.reshape(squeezed(node, x.shape, _axes(node, a)))],
    "Unsqueeze": lambda node, x, a=None: [x.reshape(unsqueezed(node, x.shape, _axes(node, a)))],
    "Transpose": lambda node, x: [x.transpose(node.integers("perm", None))],
    "Slice": _slice,
    "Add": lambda node, a, b: [a + b],
    "Sub": lambda node, a, b: [a - b],
    "Mul": lambda node, a, b: [a * b],
    "Div": _divide,
    "QuantizeLinear": _quantize,
    "DequantizeLinear": _dequantize,
}
