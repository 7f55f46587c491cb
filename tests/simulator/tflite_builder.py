"""Build a .tflite file of one operator, with the schema that ships with LiteRT."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

TYPES = {
    "int8": schema.TensorType.INT8,
    "uint8": schema.TensorType.UINT8,
    "int16": schema.TensorType.INT16,
    "int32": schema.TensorType.INT32,
    "int64": schema.TensorType.INT64,
    "bool": schema.TensorType.BOOL,
    "float32": schema.TensorType.FLOAT32,
    "complex64": schema.TensorType.COMPLEX64,
}


@dataclass(frozen=True, eq=False)
class Value:
    """A tensor of the file; scales may be one number or one a channel along `axis`."""

    shape: tuple[int, ...]
    dtype: str
    scale: Any = None
    zero_point: Any = 0
    data: Any = None
    axis: int = 0
    is_variable: bool = False


def constant(data: np.ndarray, scale: Any = None, zero_point: Any = 0, axis: int = 0) -> Value:
    return Value(data.shape, data.dtype.name, scale, zero_point, data, axis)


def single_operator(
    kind: str,
    inputs: list[Value | None],
    output: Value | list[Value],
    options: Any,
    version: int = 1,
    custom: tuple[str, bytes] | None = None,
    intermediates: Sequence[Value] = (),
) -> bytes:
    """Return the file; inputs without data are the network's inputs, None is an absent one."""
    outputs = output if isinstance(output, list) else [output]
    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version = 3
    model.buffers = [schema.BufferT()]
    graph.tensors, indices, free = [], [], []
    for position, value in enumerate((*inputs, *outputs)):
        if value is None:
            indices.append(-1)
            continue
        indices.append(len(graph.tensors))
        if value.data is None and not value.is_variable and position < len(inputs):
            free.append(len(graph.tensors))
        graph.tensors.append(_tensor(model, value, len(graph.tensors)))
    operator, code = schema.OperatorT(), schema.OperatorCodeT()
    if intermediates:
        operator.intermediates = np.arange(len(intermediates), dtype=np.int32) + len(graph.tensors)
        graph.tensors += [_tensor(model, v, len(graph.tensors) + 90) for v in intermediates]
    code.builtinCode = getattr(schema.BuiltinOperator, kind)
    code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    code.version = version
    if custom is not None:
        code.customCode, settings = custom
        operator.customOptions = np.frombuffer(settings, np.uint8)
    operator.inputs = np.array(indices[: len(inputs)], np.int32)
    operator.outputs = np.array(indices[len(inputs) :], np.int32)
    if options is not None:
        operator.builtinOptions = options
        name = type(options).__name__.removesuffix("T")
        operator.builtinOptionsType = getattr(schema.BuiltinOptions, name)
    graph.operators = [operator]
    graph.inputs, graph.outputs = np.array(free, np.int32), operator.outputs
    model.operatorCodes, model.subgraphs = [code], [graph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def custom_operator(
    code: str, inputs: list[Value | None], outputs: list[Value], settings: bytes
) -> bytes:
    """Return the file of a custom operator, `settings` its options as flexbuffers."""
    return single_operator("CUSTOM", inputs, outputs, None, custom=(code, settings))


def _tensor(model: Any, value: Value, index: int) -> Any:
    tensor = schema.TensorT()
    tensor.name = f"t{index}".encode()
    tensor.shape = np.array(value.shape, np.int32)
    tensor.type = TYPES[value.dtype]
    tensor.isVariable = value.is_variable
    tensor.buffer = 0
    if value.data is not None:
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(np.ascontiguousarray(value.data).tobytes(), np.uint8)
        tensor.buffer = len(model.buffers)
        model.buffers.append(buffer)
    if value.scale is not None:
        quantization = schema.QuantizationParametersT()
        scale = np.atleast_1d(np.asarray(value.scale, np.float32))
        quantization.scale = scale
        quantization.zeroPoint = np.broadcast_to(
            np.asarray(value.zero_point, np.int64), scale.shape
        ).copy()
        quantization.quantizedDimension = value.axis
        tensor.quantization = quantization
    return tensor


def options(name: str, **fields: Any) -> Any:
    """Return an options record, e.g. options("Pool2DOptions", strideH=2, ...)."""
    record = getattr(schema, f"{name}T")()
    for field, value in fields.items():
        assert hasattr(record, field), field
        setattr(record, field, value)
    return record
