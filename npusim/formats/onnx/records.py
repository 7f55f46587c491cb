"""Reading an ONNX file: protobuf -> plain nodes and arrays, every size checked before it is used.

Source: onnx.proto and the ONNX intermediate representation's specification, version 1.18.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from npusim.errors import FormatError, NpuError, ShapeError, UnsupportedError
from npusim.formats.onnx.nodes import MAX_ELEMENTS, Attribute, OnnxBody, OnnxNode, OnnxValue
from npusim.formats.onnx.tensors import FOUR_BITS, array, dtype_of, is_stripped
from npusim.reading import file_bytes


@dataclass
class OnnxGraph:
    """A file's graph: nodes in execution order and constants by name."""

    name: str
    opset: int
    nodes: list[OnnxNode]
    constants: dict[str, NDArray]
    inputs: list[OnnxValue]
    outputs: list[str]
    versions: dict[str, int] = field(default_factory=dict)
    """Version of each operator set by domain."""
    functions: dict[tuple[str, str], onnx.FunctionProto] = field(default_factory=dict)
    """Model-local functions by (domain, name)."""
    metadata: dict[str, str] = field(default_factory=dict)
    four_bits: frozenset[str] = frozenset()
    """Constants whose type has four bits."""
    refusal: str = ""
    """What onnx's own checker does not like, empty where it likes all; the runtime may run it."""
    stripped: frozenset[str] = frozenset()
    """Inputs that are constants whose values the file leaves out."""
    unwritten: dict[str, UnsupportedError] = field(default_factory=dict)
    """Nodes that would be written out in others, and why they are not."""
    model: onnx.ModelProto = field(default_factory=onnx.ModelProto, repr=False)
    """The file's own words."""


Shapes = Mapping[str, Sequence[int]]
"""Shapes of inputs by name, for files that leave them free."""


def read(
    path: Path,
    shapes: Shapes | None = None,
    expand: Callable[[onnx.ModelProto], onnx.ModelProto] | None = None,
) -> OnnxGraph:
    """Return the graph in the file at `path`; `shapes` settles what it leaves free.

    `expand` writes functions out, once the file's own checker has seen it.

    Raises
    ------
    FormatError
        The file cannot be read, is no ONNX protobuf, or is damaged.
    UnsupportedError
        It needs a tensor type or a sparse tensor, which npusim has not.
    """
    content = file_bytes(path, "an ONNX file")
    try:
        model = onnx.ModelProto.FromString(content)
    except DecodeError:
        raise FormatError(
            f"{path}: expected an ONNX protobuf, found damaged or other data"
        ) from None
    try:
        return _graph(model, path.parent, shapes or {}, expand or (lambda model: model))
    except NpuError as error:
        raise type(error)(f"{path.name}: {error}") from None
    except UnicodeDecodeError:
        raise FormatError(
            f"{path.name}: a name in it is not UTF-8 text (a damaged file?)"
        ) from None


def _graph(
    model: onnx.ModelProto,
    folder: Path,
    shapes: Shapes,
    expand: Callable[[onnx.ModelProto], onnx.ModelProto],
) -> OnnxGraph:
    refusal = _refusal(model)
    if not refusal:
        model = expand(model)
    graph = model.graph
    if not graph.node and not graph.output:
        raise FormatError("expected a graph with nodes and outputs, found none")
    if graph.sparse_initializer:
        raise UnsupportedError("sparse initializers are not supported")
    stripped = [tensor for tensor in graph.initializer if is_stripped(tensor, folder)]
    bare = {tensor.name for tensor in stripped}
    held = [tensor for tensor in graph.initializer if tensor.name not in bare]
    constants = {tensor.name: array(tensor, folder) for tensor in held}
    given = [value for value in graph.input if value.name not in bare | constants.keys()]
    unknown = sorted(set(shapes) - {value.name for value in given})
    if unknown:
        there = ", ".join(value.name for value in given)
        raise ShapeError(f"shape of {unknown[0]}: the inputs are {there}")
    inputs = [_input(value, shapes.get(value.name)) for value in given]
    inputs += [
        OnnxValue(tensor.name, dtype_of(tensor.data_type, tensor.name), tuple(tensor.dims))
        for tensor in stripped
    ]
    names: set[str] = set()
    nodes = []
    for index, proto in enumerate(graph.node):
        node = _node(proto, index, folder)
        nodes.append(node if node.name not in names else replace(node, name=f"{node.name}:{index}"))
        names.add(nodes[-1].name)
    opsets = {"" if o.domain == "ai.onnx" else o.domain: o.version for o in model.opset_import}
    return OnnxGraph(
        name=graph.name,
        opset=opsets.get("", 1),
        nodes=nodes,
        constants=constants,
        inputs=inputs,
        outputs=[value.name for value in graph.output],
        versions=opsets,
        functions={(function.domain, function.name): function for function in model.functions},
        metadata={entry.key: entry.value for entry in model.metadata_props},
        four_bits=frozenset(t.name for t in graph.initializer if t.data_type in FOUR_BITS),
        refusal="" if stripped else refusal,
        model=model,
        stripped=frozenset(bare),
    )


def _refusal(model: onnx.ModelProto) -> str:
    """Return what onnx's own checker finds wrong, empty where the model is sound."""
    bare = onnx.ModelProto()
    bare.CopyFrom(model)
    for tensor in bare.graph.initializer:  # external data is resolved, and checked, by `array`
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            tensor.data_location = onnx.TensorProto.DEFAULT
            del tensor.external_data[:]
            size = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
            tensor.raw_data = bytes(prod(tensor.dims) * size)
    for value in bare.graph.output:  # the runtime infers the outputs' types, and so does npusim
        if not value.type.tensor_type.HasField("shape"):
            value.type.tensor_type.elem_type = onnx.TensorProto.FLOAT
            value.type.tensor_type.shape.SetInParent()
    try:
        onnx.checker.check_model(bare)
    except (onnx.checker.ValidationError, ValueError, RuntimeError) as error:
        return f"not a valid ONNX model: {_one_line(error)}"
    return ""


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 300 else text[:297] + "..."


def _node(node: onnx.NodeProto, index: int, folder: Path) -> OnnxNode:
    name = node.name or (node.output[0] if node.output else "") or f"{node.op_type}_{index}"
    attributes = tuple(a.name for a in node.attribute)
    names = (name, node.op_type, node.domain, *node.input, *node.output, *attributes)
    if not all(isinstance(each, str) for each in names):  # protobuf hands damaged ones as bytes
        raise FormatError("a name in it is not UTF-8 text (a damaged file?)")
    domain = "" if node.domain == "ai.onnx" else node.domain
    where = f"{name} ({node.op_type})"
    attributes_of = {a.name: _attribute(a, where, folder) for a in node.attribute}
    bodies = [value for value in attributes_of.values() if isinstance(value, OnnxBody)]
    captured = tuple(dict.fromkeys(name for body in bodies for name in body.captured))
    return OnnxNode(
        name=name,
        domain=domain,
        kind=node.op_type,
        inputs=(*node.input, *captured),
        outputs=tuple(node.output),
        attributes=attributes_of,
        captured=len(captured),
    )


def _attribute(attribute: onnx.AttributeProto, where: str, folder: Path) -> Attribute:
    kinds = onnx.AttributeProto
    match attribute.type:
        case kinds.INT:
            return attribute.i
        case kinds.FLOAT:
            return attribute.f
        case kinds.STRING:
            return attribute.s.decode(errors="replace")
        case kinds.INTS:
            return tuple(attribute.ints)
        case kinds.FLOATS:
            return tuple(attribute.floats)
        case kinds.STRINGS:
            return tuple(s.decode(errors="replace") for s in attribute.strings)
        case kinds.TENSOR:
            return array(attribute.t, folder)
        case kinds.GRAPH:
            return _body(attribute.g, folder)
    raise UnsupportedError(f"{where}: attribute {attribute.name} of type {attribute.type}")


def _body(graph: onnx.GraphProto, folder: Path) -> OnnxBody:
    if graph.sparse_initializer:
        raise UnsupportedError("sparse initializers are not supported")
    return OnnxBody(
        tuple(_node(node, index, folder) for index, node in enumerate(graph.node)),
        {tensor.name: array(tensor, folder) for tensor in graph.initializer},
        tuple(value.name for value in graph.input),
        tuple(value.name for value in graph.output),
    )


def _input(value: onnx.ValueInfoProto, wanted: Sequence[int] | None) -> OnnxValue:
    tensor = value.type.tensor_type
    if not value.type.HasField("tensor_type"):
        raise UnsupportedError(f"input {value.name}: expected a tensor, found another type")
    dtype = dtype_of(tensor.elem_type, f"input {value.name}")
    declared = [_extent(dim) for dim in tensor.shape.dim] if tensor.HasField("shape") else None
    if wanted is not None:
        shape = [int(n) for n in wanted]
        fits = declared is None or (
            len(declared) == len(shape)
            and all(n == d or not isinstance(d, int) for n, d in zip(shape, declared, strict=True))
        )
        if not fits or any(n < 1 for n in shape):
            raise ShapeError(
                f"input {value.name}: shape {shape} does not fit the declared {declared}"
            )
    elif declared is None:
        raise ShapeError(
            f"input {value.name}: its rank is free; expected --shape {value.name}=N,..."
        )
    else:  # a free leading axis is the batch; engines run any number of samples
        shape = [1 if axis == 0 and isinstance(n, str) else n for axis, n in enumerate(declared)]  # type: ignore[misc]
        free = [(axis, n) for axis, n in enumerate(shape) if isinstance(n, str)]
        if free:
            sizes = ",".join("N" if isinstance(n, str) else str(n) for n in shape)
            raise ShapeError(
                f"input {value.name}: axis {free[0][0]} is free ({free[0][1]}); expected its size "
                f"in --shape {value.name}={sizes}"
            )
    if prod(shape) > MAX_ELEMENTS:
        raise ShapeError(f"input {value.name}: shape {shape} has more than {MAX_ELEMENTS} elements")
    return OnnxValue(value.name, dtype, tuple(shape))


def _extent(dim: onnx.TensorShapeProto.Dimension) -> int | str:
    """Return an axis' extent, or the name of what it is free by."""
    if dim.HasField("dim_value") and dim.dim_value > 0:
        return dim.dim_value
    if dim.HasField("dim_value"):
        return str(dim.dim_value)
    return dim.dim_param or "unnamed"
